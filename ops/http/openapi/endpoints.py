"""Every address of the service as its description tells of it: what it takes, what it answers, what can be wrong."""

from collections.abc import Callable
from typing import Any

import orjson

from campaigns.intake.payload import Body
from campaigns.reporting.campaign import (
    PublishedCampaign,
    PublishedCampaigns,
    PublishedWaterfall,
    published,
    published_waterfall,
)
from campaigns.reporting.days import CampaignDays, days, days_csv
from campaigns.reporting.receipts import Receipt
from campaigns.reporting.settlements import PublishedSettlements, settlements, settlements_csv
from campaigns.reporting.snapshot import instant
from campaigns.reporting.totals import EveryTotals, Totals, totals
from ops.http.core.problems import Problem
from ops.http.core.representations import to_json
from ops.http.openapi import examples, schemas
from ops.http.openapi.admin_endpoints import administration
from ops.http.openapi.endpoint import Endpoint
from ops.http.openapi.parameters import LANG, LAST_SEEN, RESULTS, SIGNED, text

CSV, HTML, TEXT, BYTES = "text/csv", "text/html", "text/plain", "application/octet-stream"


def _seen(view: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: orjson.loads(to_json(view(examples.standing())))


def _all_seen(view: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: {"as_of": instant(examples.standing().as_of), "campaigns": [_seen(view)()]}


def _figures(path: str, summary: str, answer: Any, example: Callable[[], Any], **more: Any) -> Endpoint:
    own = (Problem.NOT_FOUND,) if "{slug}" in path else ()
    problems = (Problem.UNKNOWN_PARAMETER, *own, Problem.AWAY)
    known: dict[str, Any] = {"is_conditional": True, "problems": problems} | more
    return Endpoint(path, "open data", summary, answer, example=example, **known)


def _page(path: str, summary: str, *problems: Problem, **more: Any) -> Endpoint:
    known: dict[str, Any] = {"query": LANG, "problems": (Problem.UNKNOWN_PARAMETER, *problems)} | more
    return Endpoint(path, "pages", summary, content_type=HTML, is_conditional=True, **known)


_INTAKE = """\
Standard Webhooks (standardwebhooks.com): at most 1 MiB and 1,000 likes a delivery. The same `webhook-id` with the
same body again (for seven days) gets the same answer, byte for byte. 503 comes with `Retry-After`; then nothing of
the body was kept, or all of it, and sending it again is safe. An `invalid` like does not spoil the others."""
_INTAKE_PROBLEMS = (
    Problem.UNREADABLE,
    Problem.UNKNOWN_PARAMETER,
    Problem.UNAUTHENTICATED,
    Problem.REUSED,
    Problem.TOO_LARGE,
    Problem.WRONG_TYPE,
    Problem.WRONG_SHAPE,
    Problem.BUG,
    Problem.FULL,
    Problem.UNAVAILABLE,
)
_ANSWERS = """\
A Standard Webhook of the payment service, signed with the secret that it checks our requests with; at most 64 KiB.
`id` is the `webhook-id` of the request that is answered. The same again changes nothing; what contradicts an earlier
answer is refused."""
_ANSWER_PROBLEMS = (
    Problem.UNKNOWN_PARAMETER,
    Problem.UNSIGNED_ANSWER,
    Problem.NOT_FOUND,
    Problem.CONTRADICTS,
    Problem.LONG_ANSWER,
    Problem.WRONG_TYPE,
    Problem.UNCLEAR_ANSWER,
    Problem.UNAVAILABLE,
)
_OWN = "/v1/campaigns/{slug}"
_EXACT = (
    "Amounts are exact: `exact` and `exact_minor` are an integer or a fraction in lowest terms; "
    "`text` is rounded half to even, for display only. "
)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "/v1/platforms/{platform}/likes",
        "intake",
        "Deliver likes and unlikes",
        schemas.DeliveryAnswer,
        example=lambda: examples.ANSWER,
        method="post",
        text=_INTAKE,
        body=Body,
        body_example=lambda: examples.LIKES,
        query=RESULTS,
        headers=SIGNED,
        problems=_INTAKE_PROBLEMS,
    ),
    Endpoint(
        "/v1/payouts/answers",
        "payouts",
        "Say what became of a payout that the channel http asked for",
        schemas.PayoutHeard,
        example=lambda: {"id": examples.PAYOUT_ANSWERED["data"]["id"], "result": "recorded"},
        method="post",
        text=_ANSWERS,
        body=schemas.PayoutAnswered,
        body_example=lambda: examples.PAYOUT_ANSWERED,
        headers=SIGNED,
        problems=_ANSWER_PROBLEMS,
    ),
    _figures("/v1/totals", "Every campaign's totals", EveryTotals, _all_seen(totals)),
    _figures("/v1/campaigns", "Every campaign's promise and totals", PublishedCampaigns, _all_seen(published)),
    _figures(
        _OWN, "A campaign's promise, every version of its terms, and its totals", PublishedCampaign, _seen(published)
    ),
    _figures(
        f"{_OWN}/totals",
        "A campaign's totals",
        Totals,
        _seen(totals),
        text="`pledged` is all that likes have earned so far; `settled`, and within it `in_flight` and `paid`, are"
        " the parts of it that have moved on: they are never added up. `remaining` is funded less pledged.",
    ),
    _figures(
        f"{_OWN}/days",
        "What counted and what it earned, day by day",
        CampaignDays,
        _seen(days),
        text=_EXACT + "Days are those of the campaign's own time zone, all from the first until now.",
    ),
    _figures(
        f"{_OWN}/days.csv",
        "The same as CSV",
        str,
        lambda: days_csv(examples.standing()),
        content_type=CSV,
        text="UTF-8 with a header line; columns are only ever added at the end.",
    ),
    _figures(
        f"{_OWN}/waterfall",
        "Why the pledge is what it is, step by step",
        PublishedWaterfall,
        _seen(published_waterfall),
        text=_EXACT + "It adds up exactly, in likes and in money.",
    ),
    _figures(
        f"{_OWN}/settlements",
        "What was settled and paid out",
        PublishedSettlements,
        _seen(settlements),
    ),
    _figures(
        f"{_OWN}/settlements.csv",
        "The same as CSV",
        str,
        lambda: settlements_csv(examples.standing()),
        content_type=CSV,
        text="A bank's own words that a spreadsheet would take for a formula have an apostrophe before them.",
    ),
    Endpoint(
        f"{_OWN}/stream",
        "open data",
        "A campaign's totals, now and whenever they change",
        schemas.StreamedTotals,
        content_type="text/event-stream",
        example=lambda: {
            "event": "totals",
            "id": "5d0c4e70b1c2f3a4d5e6f708",
            "data": to_json(totals(examples.standing())).decode(),
        },
        text="Server-sent events named `totals`, of which the schema describes one. A comment every 15"
        " seconds keeps the line alive. `Last-Event-ID` is understood.",
        other_headers=LAST_SEEN,
        problems=(Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND, Problem.AWAY, Problem.MANY_STREAMS),
    ),
    Endpoint(
        "/v1/receipts/{receipt}",
        "public log",
        "What became of one like, and the proof that the log has it",
        Receipt,
        text="Kept as a file it can be checked offline with the log's public key: `like-ledger verify-receipt`."
        " `fate` is where the like stands now; the proof is of its having been counted, and outlives the like.",
        problems=(Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND, Problem.AWAY),
    ),
    Endpoint(
        "/log/checkpoint",
        "public log",
        "The log's newest signed checkpoint",
        content_type=TEXT,
        example=lambda: examples.CHECKPOINT,
        text="A signed note with a checkpoint (c2sp.org/signed-note, c2sp.org/tlog-checkpoint): the log's signature,"
        " then those of witnesses as they come (c2sp.org/tlog-cosignature).",
        is_conditional=True,
        problems=(Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND, Problem.AWAY),
    ),
    Endpoint(
        "/log/key",
        "public log",
        "The log's verifier key",
        content_type=TEXT,
        example=lambda: examples.VERIFIER_KEY,
        text="One line, `origin+id+key` (c2sp.org/signed-note). Keep what you saw first: another one is another log.",
        problems=(Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND, Problem.AWAY),
    ),
    Endpoint(
        "/log/schemas/{schema}",
        "public log",
        "What a kind of leaf looks like, as JSON Schema 2020-12",
        dict[str, Any],
        content_type="application/schema+json",
        text="`terms-1.json`, `count-1.json`, `transfer-1.json`, `settlement-1.json`, `payout-1.json`, `note-1.json`:"
        " a version that was ever logged stays.",
        is_conditional=True,
        problems=(Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND),
    ),
    Endpoint(
        "/log/tile/{level}/{index}",
        "public log",
        "A tile of the log's tree, or with `entries` as its level a bundle of leaves",
        content_type=BYTES,
        text="c2sp.org/tlog-tiles: height 8, partial tiles as `<index>.p/<width>`, indexes from 1,000 on in groups of"
        " three digits. Immutable. Entries come compressed to who accepts gzip.",
        problems=(Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND, Problem.AWAY),
    ),
    _page("/", "Every campaign, for people", Problem.AWAY),
    _page("/campaigns/{slug}", "One campaign, for people", Problem.NOT_FOUND, Problem.AWAY),
    _page(
        "/campaigns/{slug}/payouts/{payout}",
        "One payout's receipt: what became of it in words, and what proves it; to be kept or printed",
        Problem.NOT_FOUND,
        Problem.AWAY,
    ),
    _page(
        "/verify",
        "Check a receipt with your own machine",
        query=LANG | {"receipt": text("a receipt's id, to be fetched and checked by the page's scripts")},
        text="The scripts are plain modules below `/site/verify/`; they ask `/log/key` and `/v1/receipts/` only.",
    ),
    _page("/docs", "This description, for people"),
    Endpoint(
        "/site/{file}",
        "pages",
        "What the pages are drawn with",
        content_type="text/css",
        other_types=("text/javascript", "image/svg+xml"),
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
    *administration(),
)
