"""The public API: every figure as open data, without credentials, from one snapshot in memory."""

from collections.abc import Callable
from functools import cache
from typing import Any

import orjson
from aiohttp import web

from campaigns.reporting.authenticity import PublishedAuthenticity, authenticity_csv, published_authenticity
from campaigns.reporting.campaign import (
    PublishedCampaign,
    PublishedCampaigns,
    PublishedWaterfall,
    published_campaign,
    published_waterfall,
)
from campaigns.reporting.days import CampaignDays, campaign_days, campaign_days_csv
from campaigns.reporting.settlements import PublishedSettlements, published_settlements, settlements_csv
from campaigns.reporting.snapshot import format_instant
from campaigns.reporting.totals import AllTotals, Totals, campaign_totals
from ops.http.api.totals_stream import OPEN_STREAMS, OpenStreams, end_streams, stream_totals
from ops.http.core.app_keys import OPENAPI_DOCUMENT
from ops.http.core.problems import Problem
from ops.http.core.representations import (
    JSON,
    CsvView,
    JsonView,
    all_campaigns_json,
    campaign_csv,
    campaign_json,
    to_json,
)
from ops.http.core.responses import Handler, conditional_response, public_handler
from ops.http.core.snapshots import SNAPSHOT_CACHE, PreparedResponse, SnapshotCache, entity_tag
from ops.http.openapi import examples, schemas
from ops.http.openapi.endpoint import CSV, Endpoint
from ops.http.openapi.parameters import LAST_EVENT_ID

_TAG = "open data"
_CAMPAIGN_PATH = "/v1/campaigns/{slug}"
_EXACT_AMOUNTS = (
    "Amounts are exact: `exact` and `exact_minor` are an integer or a fraction in lowest terms; "
    "`text` is rounded half to even, for display only. "
)


def campaign_handler(view: JsonView) -> Handler:
    """Return a handler for a view of one campaign."""

    @public_handler
    async def handler(request: web.Request) -> web.Response:
        snapshots = await request.app[SNAPSHOT_CACHE].latest()
        return conditional_response(request, campaign_json(snapshots, request.match_info["slug"], view))

    return handler


def campaign_csv_handler(csv_view: CsvView, name: str) -> Handler:
    """Return a handler for a table of one campaign, which a browser saves as a file."""

    @public_handler
    async def handler(request: web.Request) -> web.Response:
        snapshots, slug = await request.app[SNAPSHOT_CACHE].latest(), request.match_info["slug"]
        response = conditional_response(request, campaign_csv(snapshots, slug, csv_view))
        response.headers["Content-Disposition"] = f'attachment; filename="{slug}-{name}.csv"'
        return response

    return handler


def all_campaigns_handler(view: JsonView) -> Handler:
    """Return a handler for a view of every campaign."""

    @public_handler
    async def handler(request: web.Request) -> web.Response:
        return conditional_response(request, all_campaigns_json(await request.app[SNAPSHOT_CACHE].latest(), view))

    return handler


@public_handler
async def get_openapi(request: web.Request) -> web.Response:
    """Return the service's OpenAPI document."""
    document = _prepare_openapi(request.app[OPENAPI_DOCUMENT])
    return conditional_response(request, document, "public, max-age=300")


@cache
def _prepare_openapi(document: Callable[[], dict[str, Any]]) -> PreparedResponse:
    body = to_json(document())
    return PreparedResponse(body, JSON, entity_tag(body))


def _example_of(view: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: orjson.loads(to_json(view(examples.example_snapshot())))


def _example_of_all(view: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: {"as_of": format_instant(examples.example_snapshot().as_of), "campaigns": [_example_of(view)()]}


def _totals_event() -> dict[str, Any]:
    data = to_json(campaign_totals(examples.example_snapshot())).decode()
    return {"event": "totals", "id": "5d0c4e70b1c2f3a4d5e6f708", "data": data}


def _endpoint(path: str, handler: Handler, summary: str, response: Any, **options: Any) -> Endpoint:
    campaign_problems = (Problem.NOT_FOUND,) if "{slug}" in path else ()
    problems = (Problem.UNKNOWN_PARAMETER, *campaign_problems, Problem.FIGURES_UNAVAILABLE)
    defaults: dict[str, Any] = {"is_conditional": True, "problems": problems}
    return Endpoint(path, handler, _TAG, summary, response, allows_preflight=True, **(defaults | options))


ENDPOINTS = (
    _endpoint(
        "/v1/totals",
        all_campaigns_handler(campaign_totals),
        "The totals of every campaign",
        AllTotals,
        example=_example_of_all(campaign_totals),
    ),
    _endpoint(
        "/v1/campaigns",
        all_campaigns_handler(published_campaign),
        "The promise and totals of every campaign",
        PublishedCampaigns,
        example=_example_of_all(published_campaign),
    ),
    _endpoint(
        _CAMPAIGN_PATH,
        campaign_handler(published_campaign),
        "A campaign's promise, every version of its terms, and its totals",
        PublishedCampaign,
        example=_example_of(published_campaign),
    ),
    _endpoint(
        f"{_CAMPAIGN_PATH}/totals",
        campaign_handler(campaign_totals),
        "A campaign's totals",
        Totals,
        example=_example_of(campaign_totals),
        description="`pledged` is all that likes have earned so far. `settled` is the part of it that was settled;"
        " `in_flight` and `paid` are parts of `settled`. Never add them up. `remaining` is funded less pledged.",
    ),
    _endpoint(
        f"{_CAMPAIGN_PATH}/days",
        campaign_handler(campaign_days),
        "Likes counted and money earned, day by day",
        CampaignDays,
        example=_example_of(campaign_days),
        description=_EXACT_AMOUNTS + "Days are in the campaign's time zone, from its first day until now.",
    ),
    _endpoint(
        f"{_CAMPAIGN_PATH}/days.csv",
        campaign_csv_handler(campaign_days_csv, "days"),
        "Likes counted and money earned, day by day, as CSV",
        str,
        example=lambda: campaign_days_csv(examples.example_snapshot()),
        content_type=CSV,
        description="UTF-8 with a header line. New columns are only added at the end.",
    ),
    _endpoint(
        f"{_CAMPAIGN_PATH}/waterfall",
        campaign_handler(published_waterfall),
        "How likes become the pledge, step by step",
        PublishedWaterfall,
        example=_example_of(published_waterfall),
        description=_EXACT_AMOUNTS + "The steps add up exactly, in likes and in money.",
    ),
    _endpoint(
        f"{_CAMPAIGN_PATH}/authenticity",
        campaign_handler(published_authenticity),
        "What rules and people decided about a campaign's likes, and the money it is about",
        PublishedAuthenticity,
        example=_example_of(published_authenticity),
        description="`ruleset` is null if no rules apply: every like counts. `likes` and `days` have the likes by"
        " their state now; `families` have the verdicts, also about likes that are withdrawn now.",
    ),
    _endpoint(
        f"{_CAMPAIGN_PATH}/authenticity.csv",
        campaign_csv_handler(authenticity_csv, "authenticity"),
        "What rules and people decided about a campaign's likes, by day, as CSV",
        str,
        example=lambda: authenticity_csv(examples.example_snapshot()),
        content_type=CSV,
        description="A row for each day, family of rules and decider. New columns are only added at the end.",
    ),
    _endpoint(
        f"{_CAMPAIGN_PATH}/settlements",
        campaign_handler(published_settlements),
        "A campaign's settlements and payouts",
        PublishedSettlements,
        example=_example_of(published_settlements),
    ),
    _endpoint(
        f"{_CAMPAIGN_PATH}/settlements.csv",
        campaign_csv_handler(settlements_csv, "settlements"),
        "A campaign's settlements and payouts as CSV",
        str,
        example=lambda: settlements_csv(examples.example_snapshot()),
        content_type=CSV,
        description="An apostrophe precedes a bank's text that a spreadsheet would take for a formula.",
    ),
    _endpoint(
        f"{_CAMPAIGN_PATH}/stream",
        stream_totals,
        "A stream of a campaign's totals: now, and after every change",
        schemas.StreamedTotals,
        content_type="text/event-stream",
        example=_totals_event,
        description="Server-sent events named `totals`; the schema describes one of them. A comment every 15 seconds"
        " keeps the connection open. `Last-Event-ID` is supported.",
        other_headers=LAST_EVENT_ID,
        is_conditional=False,
        allows_head=False,
        problems=(
            Problem.UNKNOWN_PARAMETER,
            Problem.NOT_FOUND,
            Problem.FIGURES_UNAVAILABLE,
            Problem.TOO_MANY_STREAMS_OF_CLIENT,
            Problem.TOO_MANY_STREAMS,
        ),
    ),
)
OPENAPI_ENDPOINTS = (
    Endpoint(
        "/openapi.json",
        get_openapi,
        "pages",
        "This OpenAPI document",
        dict[str, Any],
        is_conditional=True,
        allows_preflight=True,
        problems=(Problem.UNKNOWN_PARAMETER,),
    ),
)


def set_up(app: web.Application, snapshot_cache: SnapshotCache, streams_per_client_max: int) -> None:
    """Give the application the snapshots and streams that the public reads."""
    app[SNAPSHOT_CACHE] = snapshot_cache
    app[OPEN_STREAMS] = OpenStreams(streams_per_client_max)
    app.on_shutdown.append(end_streams)
