"""The public API: every figure as open data, without credentials, from one snapshot in memory."""

from aiohttp import web

from campaigns.catalogue.cache import Shelf
from campaigns.reporting.campaign import published, published_waterfall
from campaigns.reporting.days import days, days_csv
from campaigns.reporting.settlements import settlements, settlements_csv
from campaigns.reporting.totals import totals
from ops.clock import utc_now
from ops.http.api.totals_stream import STREAMS, Streams, end_streams, stream
from ops.http.core.representations import JSON, Table, View, about_all, about_campaign, table_of_campaign, to_json
from ops.http.core.responses import Handler, open_to_all, preflight, reply
from ops.http.core.snapshots import SNAPSHOTS, Prepared, Snapshots, hashed
from ops.http.openapi.document import document
from sql import Pool


def of_campaign(view: View) -> Handler:
    """Return the handler that shows one campaign."""

    @open_to_all
    async def shown(request: web.Request) -> web.Response:
        snapshot = await request.app[SNAPSHOTS].newest()
        return reply(request, about_campaign(snapshot, request.match_info["slug"], view))

    return shown


def csv_of_campaign(table: Table, name: str) -> Handler:
    """Return the handler that has a browser save one campaign's figures as a file."""

    @open_to_all
    async def saved(request: web.Request) -> web.Response:
        snapshot, slug = await request.app[SNAPSHOTS].newest(), request.match_info["slug"]
        answer = reply(request, table_of_campaign(snapshot, slug, table))
        answer.headers["Content-Disposition"] = f'attachment; filename="{slug}-{name}.csv"'
        return answer

    return saved


def of_all(view: View) -> Handler:
    """Return the handler that shows every campaign."""

    @open_to_all
    async def shown(request: web.Request) -> web.Response:
        return reply(request, about_all(await request.app[SNAPSHOTS].newest(), view))

    return shown


@open_to_all
async def openapi(request: web.Request) -> web.Response:
    """Return the description of all this, OpenAPI 3.1."""
    body = to_json(document())
    return reply(request, Prepared(body, JSON, hashed(body)), "public, max-age=300")


def routes() -> list[web.RouteDef]:
    """Return the public API's routes."""
    own = "/v1/campaigns/{slug}"
    handlers: dict[str, Handler] = {
        "/v1/totals": of_all(totals),
        "/v1/campaigns": of_all(published),
        own: of_campaign(published),
        f"{own}/totals": of_campaign(totals),
        f"{own}/days": of_campaign(days),
        f"{own}/days.csv": csv_of_campaign(days_csv, "days"),
        f"{own}/waterfall": of_campaign(published_waterfall),
        f"{own}/settlements": of_campaign(settlements),
        f"{own}/settlements.csv": csv_of_campaign(settlements_csv, "settlements"),
        "/openapi.json": openapi,
    }
    streamed = f"{own}/stream"
    return [
        *(web.get(path, handler) for path, handler in handlers.items()),
        web.get(streamed, stream, allow_head=False),
        *(web.options(path, preflight) for path in [*handlers, streamed]),
    ]


def set_up(app: web.Application, pool: Pool, shelf: Shelf) -> None:
    """Give the application all that the public sees."""
    app[SNAPSHOTS] = Snapshots(pool, shelf, utc_now)
    app[STREAMS] = Streams()
    app.on_shutdown.append(end_streams)
    app.add_routes(routes())
