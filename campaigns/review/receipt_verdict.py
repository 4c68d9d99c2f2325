"""What the holder of a receipt is told about a verdict: the rule's message, never its id or numbers. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from typing_extensions import TypedDict

from campaigns.authenticity.ruleset import Ruleset
from campaigns.catalogue.rulesets import read_body
from campaigns.intake.like_state import LikeVerdict
from campaigns.promise.model import AuthenticityPolicy
from campaigns.review.status import appeal_until

_DEFAULT_APPEAL_DAYS = AuthenticityPolicy().appeal_days


class VerdictReason(TypedDict):
    """The reason in both languages."""

    zh: str
    en: str


class ReceiptVerdict(TypedDict):
    """What rules or people decided about a like, and why the rules noticed it.

    `held`: by rules, until people decide. `cleared`: by rules. `released`, `void`: by people, or by
    the promise if nobody decided in time.
    """

    state: LikeVerdict
    families: list[str]
    reason: VerdictReason | None
    stage: str
    ruleset: int
    since: str
    decided_by: Literal["rules", "people"]
    appeal_until: str | None


def receipt_verdict(row: Any) -> ReceiptVerdict | None:
    """Return the verdict of a row of `find_receipt_like`; None if there is none."""
    if row["verdict"] is None:
        return None
    verdict, days = LikeVerdict(row["verdict"]), row["appeal_days"] or _DEFAULT_APPEAL_DAYS
    return {
        "state": verdict,
        "families": sorted(row["families"]),
        "reason": _find_reason(read_body(row["ruleset_body"]), row["rules"], row["families"]),
        "stage": row["stage"],
        "ruleset": row["ruleset"],
        "since": row["decided_at"].isoformat(),
        "decided_by": row["decided_by"],
        "appeal_until": _format_moment(appeal_until(verdict, row["decided_at"], days)),
    }


def _find_reason(ruleset: Ruleset, rules: Sequence[str], families: Sequence[str]) -> VerdictReason | None:
    """Return the message of the first rule that found the like, or else of its family."""
    by_id = [rule for rule_id in rules for rule in ruleset.rules if rule.id == rule_id]
    by_family = [rule for family in families for rule in ruleset.rules if rule.family == family]
    messages = [rule.message for rule in (*by_id, *by_family)]
    return {"zh": messages[0].zh, "en": messages[0].en} if messages else None


def _format_moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
