"""CSV responses that are streamed page by page."""

from collections.abc import AsyncIterator

import structlog
from aiohttp import web

from ops.admin.core.csv_export import CONTENT_TYPE, CsvExport
from sql import UNAVAILABLE_ERRORS

_PRIVATE = {"Cache-Control": "no-store"}

_log = structlog.get_logger()


async def send_csv(request: web.Request, csv_export: CsvExport, parts: AsyncIterator[str]) -> web.StreamResponse:
    """Send what comes. What goes wrong before it began is a problem; later the line is cut, so that it is seen."""
    first = await anext(parts)
    name = csv_export.path.rpartition("/")[2]
    headers = {"Content-Type": CONTENT_TYPE, "Content-Disposition": f'attachment; filename="{name}"', **_PRIVATE}
    answer = web.StreamResponse(headers=headers)
    await answer.prepare(request)
    try:
        await answer.write(first.encode())
        async for part in parts:
            await answer.write(part.encode())
        await answer.write_eof()
    except UNAVAILABLE_ERRORS:
        _log.warning("a table was cut off", table=name)
        if request.transport is not None:
            request.transport.abort()
    return answer
