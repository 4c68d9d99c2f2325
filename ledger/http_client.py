"""HTTP client: sessions without cookies or decompression, and bodies with a size limit."""

import aiohttp

SECONDS_MAX = 10.0


def create_session(seconds_max: float = SECONDS_MAX) -> aiohttp.ClientSession:
    """Return a session that keeps connections but no cookies, and never decompresses a body."""
    timeout = aiohttp.ClientTimeout(total=seconds_max)
    headers = {"Accept-Encoding": "identity", "User-Agent": "like-ledger"}
    jar = aiohttp.DummyCookieJar()
    return aiohttp.ClientSession(timeout=timeout, headers=headers, cookie_jar=jar, auto_decompress=False)


async def read_bounded(content: aiohttp.StreamReader, bytes_max: int) -> bytes | None:
    """Return the whole body in any number of chunks, None if longer than `bytes_max`."""
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > bytes_max:
            return None
    return bytes(body)
