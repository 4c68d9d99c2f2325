"""Which clients get compressed responses."""

import gzip

import pytest
from aiohttp.test_utils import make_mocked_request

from ops.http.core.compression import accepts_gzip, compress
from ops.http.core.responses import conditional_response
from ops.http.core.snapshots import PreparedResponse, entity_tag


@pytest.mark.parametrize(
    ("header", "is_accepted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("gzip; q=0", False),
        ("gzip;q=0.000, *", False),
        ("br", False),
        ("identity, *;q=0", False),
        ("gzip-like", False),
    ],
)
def test_gzip_is_sent_to_those_who_accept_it(header: str | None, is_accepted: bool):
    headers = {} if header is None else {"Accept-Encoding": header}
    assert accepts_gzip(make_mocked_request("GET", "/", headers=headers)) is is_accepted


@pytest.mark.parametrize(("size", "is_compressed"), [(100, False), (5_000, True)])
def test_a_small_body_is_sent_as_it_is(size: int, is_compressed: bool):
    body = b"x" * size
    request = make_mocked_request("GET", "/", headers={"Accept-Encoding": "gzip"})
    response = conditional_response(request, PreparedResponse(body, "text/plain", entity_tag(body)))
    assert (response.headers.get("Content-Encoding") == "gzip") is is_compressed
    assert response.headers["Vary"] == "Accept-Encoding"
    sent = response.body
    assert isinstance(sent, bytes)
    assert (gzip.decompress(sent) if is_compressed else sent) == body
    assert compress(body) == compress(body)
