"""Pages, documents and JSON are compressed for clients that accept it."""

from collections.abc import AsyncIterator

import pytest

from running_service import SLUG, RunningService, running_service


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as running:
        yield running


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", f"/campaigns/{SLUG}", "/v1/campaigns", "/site/style.css"]
)
async def test_responses_are_compressed_for_those_who_accept_it(service: RunningService, path: str) -> None:
    plain = await service.get(path, **{"Accept-Encoding": "identity"})
    packed = await service.get(path, **{"Accept-Encoding": "gzip"})
    assert (plain.headers.get("Content-Encoding"), packed.headers.get("Content-Encoding")) == (None, "gzip")
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert int(packed.headers["Content-Length"]) < len(plain.body)
    again = await service.get(path, **{"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]})
    assert (again.status, again.body, again.headers["Vary"]) == (304, b"", packed.headers["Vary"])


async def test_a_page_without_figures_is_rendered_once(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = [(await service.get(f"/docs?lang={language}")).body for language in ("zh", "en")]
    monkeypatch.setattr("ops.http.web.pages.render_html", None)
    assert [(await service.get(f"/docs?lang={language}")).body for language in ("zh", "en")] == first
