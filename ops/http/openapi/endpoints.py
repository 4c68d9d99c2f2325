"""Every address of the service as its description tells of it: what it takes, what it answers, what can be wrong."""

from collections.abc import Callable
from typing import Any

import orjson

from campaigns.intake.payload import DeliveryBody
from campaigns.reporting.campaign import (
    PublishedCampaign,
    PublishedCampaigns,
    PublishedWaterfall,
    published_campaign,
    published_waterfall,
)
from campaigns.reporting.days import CampaignDays, campaign_days, campaign_days_csv
from campaigns.reporting.receipts import Receipt
from campaigns.reporting.settlements import PublishedSettlements, published_settlements, settlements_csv
from campaigns.reporting.snapshot import format_instant
from campaigns.reporting.totals import AllTotals, Totals, campaign_totals
from ops.http.core.problems import Problem
from ops.http.core.representations import to_json
from ops.http.openapi import examples, schemas
from ops.http.openapi.admin_endpoints import admin_endpoints
from ops.http.openapi.endpoint import Endpoint
from ops.http.openapi.parameters import LANG_QUERY, LAST_EVENT_ID, RESULTS_QUERY, WEBHOOK_HEADERS, text_parameter

CSV, HTML, TEXT, BYTES = "text/csv", "text/html", "text/plain", "application/octet-stream"


def _example_of(view: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: orjson.loads(to_json(view(examples.example_snapshot())))


def _example_of_all(view: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: {"as_of": format_instant(examples.example_snapshot().as_of), "campaigns": [_example_of(view)()]}


def _open_data_endpoint(
    path: str, summary: str, response: Any, example: Callable[[], Any], **options: Any
) -> Endpoint:
    own = (Problem.NOT_FOUND,) if "{slug}" in path else ()
    problems = (Problem.UNKNOWN_PARAMETER, *own, Problem.FIGURES_UNAVAILABLE)
    known: dict[str, Any] = {"is_conditional": True, "problems": problems} | options
    return Endpoint(path, "open data", summary, response, example=example, **known)


def _page_endpoint(path: str, summary: str, *problems: Problem, **options: Any) -> Endpoint:
    known: dict[str, Any] = {"query": LANG_QUERY, "problems": (Problem.UNKNOWN_PARAMETER, *problems)} | options
    return Endpoint(path, "pages", summary, content_type=HTML, is_conditional=True, **known)


_INTAKE_DESCRIPTION = """\
Standard Webhooks (standardwebhooks.com): at most 1 MiB and 1,000 likes a delivery. The same `webhook-id` with the
same body again (for seven days) gets the same answer, byte for byte. 503 comes with `Retry-After`; then nothing of
the body was kept, or all of it, and sending it again is safe. An `invalid` like does not spoil the others."""
_INTAKE_PROBLEMS = (
    Problem.INVALID_JSON,
    Problem.UNKNOWN_PARAMETER,
    Problem.UNAUTHENTICATED,
    Problem.WEBHOOK_ID_CONFLICT,
    Problem.TOO_LARGE,
    Problem.UNSUPPORTED_MEDIA_TYPE,
    Problem.MALFORMED_ENVELOPE,
    Problem.INTERNAL_ERROR,
    Problem.QUEUE_FULL,
    Problem.DATABASE_UNAVAILABLE,
)
_CALLBACK_DESCRIPTION = """\
A Standard Webhook of the payment service, signed with the secret that it checks our requests with; at most 64 KiB.
`id` is the `webhook-id` of the request that is answered. The same again changes nothing; what contradicts an earlier
answer is refused."""
_CALLBACK_PROBLEMS = (
    Problem.UNKNOWN_PARAMETER,
    Problem.CALLBACK_UNAUTHENTICATED,
    Problem.NOT_FOUND,
    Problem.CALLBACK_CONFLICT,
    Problem.CALLBACK_TOO_LARGE,
    Problem.UNSUPPORTED_MEDIA_TYPE,
    Problem.MALFORMED_CALLBACK,
    Problem.DATABASE_UNAVAILABLE,
)
_CAMPAIGN_PATH = "/v1/campaigns/{slug}"
_EXACT_AMOUNTS = (
    "Amounts are exact: `exact` and `exact_minor` are an integer or a fraction in lowest terms; "
    "`text` is rounded half to even, for display only. "
)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "/v1/platforms/{platform}/likes",
        "intake",
        "Deliver likes and unlikes",
        schemas.DeliveryResponse,
        example=lambda: examples.DELIVERY_RESPONSE,
        method="post",
        description=_INTAKE_DESCRIPTION,
        body=DeliveryBody,
        body_example=lambda: examples.LIKES,
        query=RESULTS_QUERY,
        headers=WEBHOOK_HEADERS,
        problems=_INTAKE_PROBLEMS,
    ),
    Endpoint(
        "/v1/payouts/answers",
        "payouts",
        "Say what became of a payout that the channel http asked for",
        schemas.PayoutCallbackResult,
        example=lambda: {"id": examples.PAYOUT_CALLBACK["data"]["id"], "result": "recorded"},
        method="post",
        description=_CALLBACK_DESCRIPTION,
        body=schemas.PayoutCallbackEnvelope,
        body_example=lambda: examples.PAYOUT_CALLBACK,
        headers=WEBHOOK_HEADERS,
        problems=_CALLBACK_PROBLEMS,
    ),
    _open_data_endpoint("/v1/totals", "Every campaign's totals", AllTotals, _example_of_all(campaign_totals)),
    _open_data_endpoint(
        "/v1/campaigns",
        "Every campaign's promise and totals",
        PublishedCampaigns,
        _example_of_all(published_campaign),
    ),
    _open_data_endpoint(
        _CAMPAIGN_PATH,
        "A campaign's promise, every version of its terms, and its totals",
        PublishedCampaign,
        _example_of(published_campaign),
    ),
    _open_data_endpoint(
        f"{_CAMPAIGN_PATH}/totals",
        "A campaign's totals",
        Totals,
        _example_of(campaign_totals),
        description="`pledged` is all that likes have earned so far; `settled`, and within it `in_flight` and `paid`, are"
        " the parts of it that have moved on: they are never added up. `remaining` is funded less pledged.",
    ),
    _open_data_endpoint(
        f"{_CAMPAIGN_PATH}/days",
        "What counted and what it earned, day by day",
        CampaignDays,
        _example_of(campaign_days),
        description=_EXACT_AMOUNTS + "Days are those of the campaign's own time zone, all from the first until now.",
    ),
    _open_data_endpoint(
        f"{_CAMPAIGN_PATH}/days.csv",
        "The same as CSV",
        str,
        lambda: campaign_days_csv(examples.example_snapshot()),
        content_type=CSV,
        description="UTF-8 with a header line; columns are only ever added at the end.",
    ),
    _open_data_endpoint(
        f"{_CAMPAIGN_PATH}/waterfall",
        "Why the pledge is what it is, step by step",
        PublishedWaterfall,
        _example_of(published_waterfall),
        description=_EXACT_AMOUNTS + "It adds up exactly, in likes and in money.",
    ),
    _open_data_endpoint(
        f"{_CAMPAIGN_PATH}/settlements",
        "What was settled and paid out",
        PublishedSettlements,
        _example_of(published_settlements),
    ),
    _open_data_endpoint(
        f"{_CAMPAIGN_PATH}/settlements.csv",
        "The same as CSV",
        str,
        lambda: settlements_csv(examples.example_snapshot()),
        content_type=CSV,
        description="A bank's own words that a spreadsheet would take for a formula have an apostrophe before them.",
    ),
    Endpoint(
        f"{_CAMPAIGN_PATH}/stream",
        "open data",
        "A campaign's totals, now and whenever they change",
        schemas.StreamedTotals,
        content_type="text/event-stream",
        example=lambda: {
            "event": "totals",
            "id": "5d0c4e70b1c2f3a4d5e6f708",
            "data": to_json(campaign_totals(examples.example_snapshot())).decode(),
        },
        description="Server-sent events named `totals`, of which the schema describes one. A comment every 15"
        " seconds keeps the line alive. `Last-Event-ID` is understood.",
        other_headers=LAST_EVENT_ID,
        problems=(
            Problem.UNKNOWN_PARAMETER,
            Problem.NOT_FOUND,
            Problem.FIGURES_UNAVAILABLE,
            Problem.TOO_MANY_STREAMS,
        ),
    ),
    Endpoint(
        "/v1/receipts/{receipt}",
        "public log",
        "What became of one like, and the proof that the log has it",
        Receipt,
        description="Kept as a file it can be checked offline with the log's public key: `like-ledger verify-receipt`."
        " `fate` is where the like stands now; the proof is of its having been counted, and outlives the like.",
        problems=(Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND, Problem.FIGURES_UNAVAILABLE),
    ),
    Endpoint(
        "/log/checkpoint",
        "public log",
        "The log's newest signed checkpoint",
        content_type=TEXT,
        example=lambda: examples.CHECKPOINT,
        description="A signed note with a checkpoint (c2sp.org/signed-note, c2sp.org/tlog-checkpoint): the log's signature,"
        " then those of witnesses as they come (c2sp.org/tlog-cosignature).",
        is_conditional=True,
        problems=(Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND, Problem.FIGURES_UNAVAILABLE),
    ),
    Endpoint(
        "/log/key",
        "public log",
        "The log's verifier key",
        content_type=TEXT,
        example=lambda: examples.VERIFIER_KEY,
        description="One line, `origin+id+key` (c2sp.org/signed-note). Keep what you saw first: another one is another log.",
        problems=(Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND, Problem.FIGURES_UNAVAILABLE),
    ),
    Endpoint(
        "/log/schemas/{schema}",
        "public log",
        "What a kind of leaf looks like, as JSON Schema 2020-12",
        dict[str, Any],
        content_type="application/schema+json",
        description="`terms-1.json`, `count-1.json`, `transfer-1.json`, `settlement-1.json`, `payout-1.json`, `note-1.json`:"
        " a version that was ever logged stays.",
        is_conditional=True,
        problems=(Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND),
    ),
    Endpoint(
        "/log/tile/{level}/{index}",
        "public log",
        "A tile of the log's tree, or with `entries` as its level a bundle of leaves",
        content_type=BYTES,
        description="c2sp.org/tlog-tiles: height 8, partial tiles as `<index>.p/<width>`, indexes from 1,000 on in groups of"
        " three digits. Immutable. Entries come compressed to who accepts gzip.",
        problems=(Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND, Problem.FIGURES_UNAVAILABLE),
    ),
    _page_endpoint("/", "Every campaign, for people", Problem.FIGURES_UNAVAILABLE),
    _page_endpoint("/campaigns/{slug}", "One campaign, for people", Problem.NOT_FOUND, Problem.FIGURES_UNAVAILABLE),
    _page_endpoint(
        "/campaigns/{slug}/payouts/{payout}",
        "One payout's receipt: what became of it in words, and what proves it; to be kept or printed",
        Problem.NOT_FOUND,
        Problem.FIGURES_UNAVAILABLE,
    ),
    _page_endpoint(
        "/verify",
        "Check a receipt with your own machine",
        query=LANG_QUERY
        | {"receipt": text_parameter("a receipt's id, to be fetched and checked by the page's scripts")},
        description="The scripts are plain modules below `/site/verify/`; they ask `/log/key` and `/v1/receipts/` only.",
    ),
    _page_endpoint("/docs", "This description, for people"),
    Endpoint(
        "/site/{file}",
        "pages",
        "What the pages are drawn with",
        content_type="text/css",
        other_content_types=("text/javascript", "image/svg+xml"),
        is_conditional=True,
        problems=(Problem.NOT_FOUND,),
    ),
    Endpoint(
        "/openapi.json",
        "pages",
        "This description",
        dict[str, Any],
        is_conditional=True,
        problems=(Problem.UNKNOWN_PARAMETER,),
    ),
    Endpoint("/live", "health", "The process answers", schemas.Live, example=lambda: {"live": True}),
    Endpoint(
        "/ready",
        "health",
        "The service can do its work; 503 while it cannot",
        schemas.Ready,
        example=lambda: {"ready": True},
    ),
    Endpoint("/metrics", "health", "Figures for Prometheus", content_type=TEXT),
    *admin_endpoints(),
)
