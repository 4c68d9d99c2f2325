"""The public API: every figure as open data, without credentials, from one snapshot in memory."""

from aiohttp import web

from campaigns.catalogue.cache import CatalogueCache
from campaigns.reporting.campaign import published_campaign, published_waterfall
from campaigns.reporting.days import campaign_days, campaign_days_csv
from campaigns.reporting.settlements import published_settlements, settlements_csv
from campaigns.reporting.totals import campaign_totals
from ops.clock import utc_now
from ops.http.api.totals_stream import OPEN_STREAMS, OpenStreams, end_streams, stream_totals
from ops.http.core.representations import (
    JSON,
    CsvView,
    JsonView,
    all_campaigns_json,
    campaign_csv,
    campaign_json,
    to_json,
)
from ops.http.core.responses import Handler, answer_preflight, conditional_response, public_handler
from ops.http.core.snapshots import SNAPSHOT_CACHE, PreparedResponse, SnapshotCache, entity_tag
from ops.http.openapi.document import document
from sql import Pool


def campaign_handler(view: JsonView) -> Handler:
    """Return the handler that shows one campaign."""

    @public_handler
    async def shown(request: web.Request) -> web.Response:
        snapshot = await request.app[SNAPSHOT_CACHE].latest()
        return conditional_response(request, campaign_json(snapshot, request.match_info["slug"], view))

    return shown


def campaign_csv_handler(csv_view: CsvView, name: str) -> Handler:
    """Return the handler that has a browser save one campaign's figures as a file."""

    @public_handler
    async def saved(request: web.Request) -> web.Response:
        snapshot, slug = await request.app[SNAPSHOT_CACHE].latest(), request.match_info["slug"]
        answer = conditional_response(request, campaign_csv(snapshot, slug, csv_view))
        answer.headers["Content-Disposition"] = f'attachment; filename="{slug}-{name}.csv"'
        return answer

    return saved


def all_campaigns_handler(view: JsonView) -> Handler:
    """Return the handler that shows every campaign."""

    @public_handler
    async def shown(request: web.Request) -> web.Response:
        return conditional_response(request, all_campaigns_json(await request.app[SNAPSHOT_CACHE].latest(), view))

    return shown


@public_handler
async def get_openapi(request: web.Request) -> web.Response:
    """Return the description of all this, OpenAPI 3.1."""
    body = to_json(document())
    return conditional_response(request, PreparedResponse(body, JSON, entity_tag(body)), "public, max-age=300")


def routes() -> list[web.RouteDef]:
    """Return the public API's routes."""
    own = "/v1/campaigns/{slug}"
    handlers: dict[str, Handler] = {
        "/v1/totals": all_campaigns_handler(campaign_totals),
        "/v1/campaigns": all_campaigns_handler(published_campaign),
        own: campaign_handler(published_campaign),
        f"{own}/totals": campaign_handler(campaign_totals),
        f"{own}/days": campaign_handler(campaign_days),
        f"{own}/days.csv": campaign_csv_handler(campaign_days_csv, "days"),
        f"{own}/waterfall": campaign_handler(published_waterfall),
        f"{own}/settlements": campaign_handler(published_settlements),
        f"{own}/settlements.csv": campaign_csv_handler(settlements_csv, "settlements"),
        "/openapi.json": get_openapi,
    }
    streamed = f"{own}/stream"
    return [
        *(web.get(path, handler) for path, handler in handlers.items()),
        web.get(streamed, stream_totals, allow_head=False),
        *(web.options(path, answer_preflight) for path in [*handlers, streamed]),
    ]


def set_up(app: web.Application, pool: Pool, catalogue_cache: CatalogueCache) -> None:
    """Give the application all that the public sees."""
    app[SNAPSHOT_CACHE] = SnapshotCache(pool, catalogue_cache, utc_now)
    app[OPEN_STREAMS] = OpenStreams()
    app.on_shutdown.append(end_streams)
    app.add_routes(routes())
