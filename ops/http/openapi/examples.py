"""Examples of the OpenAPI document: an invented campaign, rendered by the production views.

`ops/site/examples.json` has the responses of the administration, recorded by
`tests/api/test_examples.py`.
"""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from campaigns.authenticity.ruleset import default_ruleset
from campaigns.catalogue.cache import Campaign
from campaigns.pledging.waterfall import DayCount
from campaigns.promise.calendar import Calendar
from campaigns.promise.model import Promise, engine_terms, immutable_part
from campaigns.reporting.authenticity_figures import (
    AppealFigures,
    AuthenticityFigures,
    CaseFigures,
    NewestRuleset,
    NotJudged,
)
from campaigns.reporting.snapshot import CampaignSnapshot, PeopleCount
from campaigns.verdict_counts import VerdictCount
from ledger.accounting.balances import Balance, CampaignBalances
from ops.i18n.language import SITE

PROMISE_JSON = """{
  "campaign": {"slug": "rural-education", "title": {"zh": "乡村教育支持计划", "en": "Rural Education Support"},
    "sponsor": "Example Platform Foundation", "currency": "CNY", "timezone": "Asia/Shanghai",
    "starts_at": "2022-04-08T00:00:00+08:00", "ends_at": "2022-04-22T00:00:00+08:00", "late_days": 3650,
    "content": "open"},
  "terms": {"rate": {"amount_minor": 1, "per_likes": 3}, "daily_cap_minor": 500, "likes_per_person_per_day": 20,
    "beneficiaries": [
      {"charity": "village-schools", "name": {"zh": "乡村小学基金", "en": "Village Schools Fund"}, "share_bp": 7000,
       "account": {"scheme": "other", "id": "6222020200112233445"}},
      {"charity": "mobile-libraries", "name": {"zh": "流动图书馆", "en": "Mobile Libraries"}, "share_bp": 3000,
       "account": {"scheme": "other", "id": "6222020200112233446"}}]},
  "agreement": {"url": "https://example.org/agreement.pdf",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
  "authenticity": {"rules": "none"}
}"""
_AS_OF, _STARTS_AT = datetime(2022, 4, 10, 12, tzinfo=UTC), datetime(2022, 4, 7, 16, tzinfo=UTC)
_DAY_COUNTS = (1_402, 1_633, 977)


@cache
def _recorded_responses() -> dict[str, Any]:
    responses: dict[str, Any] = orjson.loads((SITE / "examples.json").read_bytes())
    return responses


def recorded_response(method: str, path: str, status: int) -> Any:
    """Return the recorded response to an endpoint's example request; None if none is recorded."""
    return _recorded_responses().get(f"{method.upper()} {path} {status}")


def example_snapshot() -> CampaignSnapshot:
    """Return the invented campaign, two and a half days after its start."""
    promise = Promise.model_validate_json(PROMISE_JSON)
    settings = promise.campaign
    calendar = Calendar.from_bounds(settings.starts_at, settings.ends_at, ZoneInfo(settings.timezone))
    terms = engine_terms(promise.terms, 1, calendar.days[0])
    counts = {
        calendar.days[0] + timedelta(days=n): DayCount(counted, 2, 36 - 12 * n, 24 * (n == 0), 40 + n, 11, 15)
        for n, counted in enumerate(_DAY_COUNTS)
    }
    minor = int(sum((min(counted * terms.rate, Fraction(500)) for counted in _DAY_COUNTS), Fraction()))
    balances = CampaignBalances(budget=Balance(700_000 - minor, 3), pledged=Balance(minor, 3))
    campaign = Campaign(1, immutable_part(promise), [promise.terms], [terms], None, calendar, bytes(32), bytes(32))
    campaign.ruleset = default_ruleset()
    people = PeopleCount(456, _AS_OF - timedelta(seconds=9))
    authenticity = _example_authenticity(calendar)
    return CampaignSnapshot(campaign, _AS_OF, counts, {"not_running": 7}, balances, people, authenticity=authenticity)


def _example_authenticity(calendar: Calendar) -> AuthenticityFigures:
    first, second, third = calendar.days[:3]
    return AuthenticityFigures(
        NewestRuleset(1, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", _STARTS_AT, _STARTS_AT),
        [
            VerdictCount(first, "device", "people", released=3, void=24),
            VerdictCount(first, "device", "rules", quarantined=36),
            VerdictCount(second, "lockstep", "rules", quarantined=20, released=11),
            VerdictCount(second, "pace", "rules", quarantined=4),
            VerdictCount(third, "crowd", "rules", quarantined=12),
        ],
        CaseFigures(3, _AS_OF - timedelta(days=2, hours=5), 2, timedelta(hours=31)),
        AppealFigures(opened=4, upheld=3, rejected=1),
        [NotJudged("short-videos", second, "device.crowd"), NotJudged("short-videos", second, "device.rotation")],
    )


LIKES: dict[str, Any] = {
    "type": "likes",
    "timestamp": "2022-04-08T08:00:00Z",
    "data": {
        "likes": [
            {
                "action": "like",
                "content": "3431182",
                "person": "4854",
                "event_at": "2022-04-08T07:44:48.441Z",
                "campaign": "rural-education",
                "signals": {"watch_ms": 19_435, "duration_ms": 18_983, "followed": False, "account_age_days": 400},
            }
        ]
    },
}

DELIVERY_RESPONSE: dict[str, Any] = {
    "delivery": "msg_2Lh9",
    "received": 500,
    "outcomes": {"counted": 484, "duplicate": 15, "over_limit": 1},
    "results": [{"index": 7, "outcome": "over_limit", "reason": "the person reached the campaign's daily limit"}],
}

STATUS_REQUEST: dict[str, Any] = {
    "type": "likes.status",
    "timestamp": "2022-04-12T08:00:00Z",
    "data": {"likes": [{"campaign": "rural-education", "content": "3431182", "person": "4854"}]},
}

STATUS_RESPONSE: dict[str, Any] = {
    "likes": [
        {
            "index": 0,
            "state": "quarantined",
            "day": "2022-04-08",
            "families": ["device"],
            "ruleset": 1,
            "stage": "window",
            "decided_by": "rules",
            "receipt": "rcp_AAAAAAAAAAEAAAAAq83vASNFZ4k",
            "appeal_until": "2022-05-08T07:45:00+00:00",
        }
    ]
}

APPEALS_REQUEST: dict[str, Any] = {
    "type": "likes.appeal",
    "timestamp": "2022-04-12T08:00:00Z",
    "data": {
        "likes": [
            {
                "campaign": "rural-education",
                "content": "3431182",
                "person": "4854",
                "message": "The tablet belongs to our school.",
            }
        ]
    },
}

APPEALS_RESPONSE: dict[str, Any] = {
    "appeals": [
        {
            "index": 0,
            "appeal": "apl_0f2a4c6e8b1d3f5a7c9e",
            "outcome": None,
            "code": None,
            "params": {},
            "reason": None,
        }
    ]
}

PAYOUT_CALLBACK: dict[str, Any] = {
    "type": "payout.answered",
    "timestamp": "2022-04-18T04:00:00Z",
    "data": {"id": "STLQ5T4W2XK7M3J6R8V9N0PA-1", "status": "accepted", "reference": "P-20220418-77"},
}

VERIFIER_KEY = "ledger.example.org/log+c335320a+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4\n"
CHECKPOINT = """\
ledger.example.org/log
1
KKOhj2zWQGsIbp/9ofm4oT289EsPPzLLkDGhH9BTrPk=

— ledger.example.org/log wzUyCgDby1Ggi0+I06UfEXjnq+1Mkktsx9Up+ddJRYAiPai2yXBTmT7ohidbTfjv+IhoaMfXr3ZS5J8sW1c4M6PDGQk=
"""
