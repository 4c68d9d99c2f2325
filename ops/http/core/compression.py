"""Compressed responses for clients that accept gzip (RFC 9110, section 12.5.3)."""

import gzip
import re

from aiohttp import web

GZIP_BYTES_MIN = 512  # below it the headers cost more than compression saves
_GZIP_LEVEL = 6
_ZERO_WEIGHT = re.compile(r"q=0(\.0*)?")


def compress(body: bytes) -> bytes:
    """Return a body as gzip: the same bytes each time. Pure."""
    return gzip.compress(body, _GZIP_LEVEL, mtime=0)


def accepts_gzip(request: web.BaseRequest) -> bool:
    """Return whether the client accepts gzip; without the header it does not."""
    accepted: dict[str, bool] = {}
    for part in request.headers.get("Accept-Encoding", "").lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";")
        accepted[coding] = _ZERO_WEIGHT.fullmatch(weight) is None
    return accepted.get("gzip", accepted.get("*", False))
