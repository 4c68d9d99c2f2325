"""CSV responses that are streamed page by page."""

from collections.abc import AsyncIterator

import structlog
from aiohttp import web

from ops.admin.core.csv_export import CONTENT_TYPE, Table
from sql import AWAY

_PRIVATE = {"Cache-Control": "no-store"}

_log = structlog.get_logger()


async def streamed(request: web.Request, table: Table, parts: AsyncIterator[str]) -> web.StreamResponse:
    """Send what comes. What goes wrong before it began is a problem; later the line is cut, so that it is seen."""
    first = await anext(parts)
    name = table.path.rpartition("/")[2]
    headers = {"Content-Type": CONTENT_TYPE, "Content-Disposition": f'attachment; filename="{name}"', **_PRIVATE}
    answer = web.StreamResponse(headers=headers)
    await answer.prepare(request)
    try:
        await answer.write(first.encode())
        async for part in parts:
            await answer.write(part.encode())
        await answer.write_eof()
    except AWAY:
        _log.warning("a table was cut off", table=name)
        if request.transport is not None:
            request.transport.abort()
    return answer
