"""CSV responses that are streamed page by page."""

from collections.abc import AsyncIterator

import structlog
from aiohttp import web

from ops.admin.core.csv_export import CONTENT_TYPE, CsvExport
from sql import is_unavailable

_log = structlog.get_logger()


async def send_csv(request: web.Request, csv_export: CsvExport, parts: AsyncIterator[str]) -> web.StreamResponse:
    """Stream a table as a file.

    An error before the first byte is raised, so it becomes a problem. A later one cuts the
    connection: otherwise the client would take half a table for the whole.
    """
    first_part = await anext(parts)
    response = web.StreamResponse(headers=_headers(csv_export))
    await response.prepare(request)
    try:
        await response.write(first_part.encode())
        async for part in parts:
            await response.write(part.encode())
        await response.write_eof()
    except Exception as error:
        if not is_unavailable(error):
            raise
        _log.warning("CSV export cut off", path=csv_export.path)
        if request.transport is not None:
            request.transport.abort()
    return response


def _headers(csv_export: CsvExport) -> dict[str, str]:
    filename = csv_export.path.rpartition("/")[2]
    return {
        "Content-Type": CONTENT_TYPE,
        "Content-Disposition": f'attachment; filename="{filename}"',
        "Cache-Control": "no-store",
    }
