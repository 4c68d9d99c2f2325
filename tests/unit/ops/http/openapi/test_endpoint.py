"""Routes made from endpoints."""

import pytest
from aiohttp import web

from ops.http.openapi.endpoint import Endpoint, build_routes


async def handle(_: web.Request) -> web.Response:
    return web.Response()


@pytest.mark.parametrize(
    ("options", "methods"),
    [
        ({}, ["GET", "HEAD"]),
        ({"allows_head": False}, ["GET"]),
        ({"method": "post"}, ["POST"]),
        ({"allows_preflight": True}, ["GET", "HEAD", "OPTIONS"]),
    ],
)
def test_an_endpoint_is_served_with_its_methods(options: dict[str, object], methods: list[str]) -> None:
    app = web.Application()
    app.add_routes(build_routes([Endpoint("/a/{slug}", handle, "tag", "A", **options)]))  # type: ignore[arg-type]
    assert sorted(route.method for route in app.router.routes()) == methods


def test_some_parameters_may_contain_slashes() -> None:
    endpoints = [Endpoint(path, handle, "tag", "A") for path in ("/site/{file}", "/campaigns/{slug}/x")]
    assert [route.path for route in build_routes(endpoints)] == ["/site/{file:.+}", "/campaigns/{slug}/x"]
    assert [endpoint.path_parameters for endpoint in endpoints] == [["file"], ["slug"]]
