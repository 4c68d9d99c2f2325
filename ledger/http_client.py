"""What is asked of others over HTTP: a session that keeps nothing, and bodies read whole but bounded."""

import aiohttp

SECONDS_MAX = 10.0


def create_session(seconds_max: float = SECONDS_MAX) -> aiohttp.ClientSession:
    """Return a session: connections are kept, nothing else is; bodies come as they are."""
    patience = aiohttp.ClientTimeout(total=seconds_max)
    headers = {"Accept-Encoding": "identity", "User-Agent": "like-ledger"}
    jar = aiohttp.DummyCookieJar()
    return aiohttp.ClientSession(timeout=patience, headers=headers, cookie_jar=jar, auto_decompress=False)


async def read_bounded(content: aiohttp.StreamReader, bytes_max: int) -> bytes | None:
    """Return all of a body, in however many pieces it comes; None where it is longer than that."""
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > bytes_max:
            return None
    return bytes(body)
