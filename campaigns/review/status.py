"""The status of likes as their platform sees it: computed on each call, never stored.

It says what was decided, by whom and until when one may appeal: no rule, no score, no threshold.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from typing_extensions import TypedDict

from campaigns.authenticity.ruleset import Ruleset
from campaigns.catalogue.cache import Campaign, Catalogue
from campaigns.intake.batch_tree import NONCE_BYTES, derive_nonces, format_receipt, slice_at
from campaigns.intake.claim import BUCKET
from campaigns.intake.like_state import LikeState, LikeVerdict
from campaigns.review.asked_likes import FoundLike, find_likes
from sql import Connection, query

APPEALABLE = frozenset((LikeVerdict.HELD, LikeVerdict.VOID))
_LIST_LIKE_STATUSES = query("list_like_statuses")

StatusState = Literal["counted", "withdrawn", "quarantined", "void", "over_limit", "low_quality", "unknown"]


class LikeStatus(TypedDict):
    """The state of a like, and what was decided about it.

    `unknown`: this platform never delivered it. `receipt` is null without a like event.
    `appeal_until` is set while there is a verdict that can be appealed.
    """

    index: int
    state: StatusState
    day: date | None
    families: list[str]
    ruleset: int | None
    stage: str | None
    decided_by: Literal["rules", "people"] | None
    receipt: str | None
    appeal_until: datetime | None


class StatusResponse(TypedDict):
    """The status of each like, in the order of the request."""

    likes: list[LikeStatus]


class DecidedLike(NamedTuple):
    """The verdict about a like; the intake's rules may hold it before there is one."""

    verdict: LikeVerdict | None
    families: Sequence[str]
    ruleset: int | None
    stage: str | None
    decided_by: Literal["rules", "people"] | None
    decided_at: datetime | None


async def read_statuses(
    conn: Connection, likes: Sequence[Mapping[str, Any]], platform: str, catalogue: Catalogue
) -> StatusResponse:
    """Return the status of likes that a platform asks about, in their order."""
    statuses = [_unknown(index) for index in range(len(likes))]
    for campaign, members in find_likes(likes, platform, catalogue).values():
        for index, status in (await _read_campaign(conn, campaign, members)).items():
            statuses[index] = status
    return {"likes": statuses}


async def _read_campaign(conn: Connection, campaign: Campaign, likes: Sequence[FoundLike]) -> dict[int, LikeStatus]:
    rows = await list_rows(conn, campaign, likes)
    receipts = list_receipts(rows)
    return {
        (index := likes[row["number"] - 1].number): like_status(index, row, campaign, receipt)
        for row, receipt in zip(rows, receipts, strict=True)
    }


async def list_rows(conn: Connection, campaign: Campaign, likes: Sequence[FoundLike]) -> list[Any]:
    """Return the stored likes among these as rows of `list_like_statuses`."""
    columns = [like.content for like in likes], [like.person for like in likes]
    return list(await conn.fetch(_LIST_LIKE_STATUSES, campaign.campaign_id, BUCKET, *columns))


def list_receipts(rows: Sequence[Any]) -> list[str | None]:
    """Return the receipt of each row, None without a leaf. Pure.

    The nonces of a batch are derived once: a thousand likes may be of one batch.
    """
    last_positions: dict[bytes, int] = {}
    for row in rows:
        if row["nonce_key"] is not None:
            last_positions[row["nonce_key"]] = max(last_positions.get(row["nonce_key"], 0), row["position"])
    derived = {key: derive_nonces(key, position + 1) for key, position in last_positions.items()}
    nonces = [derived.get(row["nonce_key"]) or row["nonces"] or b"" for row in rows]
    return [_receipt(row, slice_at(values, row["position"])) for row, values in zip(rows, nonces, strict=True)]


def _receipt(row: Any, nonce: bytes) -> str | None:
    if len(nonce) < NONCE_BYTES or not any(nonce):
        return None
    return format_receipt(row["batch_id"], row["position"], nonce)


def like_status(index: int, row: Any, campaign: Campaign, receipt: str | None) -> LikeStatus:
    """Return the status of a stored like. Pure."""
    decided = _decided_like(row, campaign.ruleset)
    return {
        "index": index,
        "state": row["state"],
        "day": row["day"],
        "families": sorted(decided.families),
        "ruleset": decided.ruleset,
        "stage": decided.stage,
        "decided_by": decided.decided_by,
        "receipt": receipt,
        "appeal_until": appeal_until(decided.verdict, decided.decided_at, campaign.authenticity.appeal_days),
    }


def _decided_like(row: Any, ruleset: Ruleset | None) -> DecidedLike:
    """Return the verdict about a like, or the provisional hold of the intake's rules."""
    if row["verdict"] is not None:
        names = ("families", "ruleset", "stage", "decided_by", "decided_at")
        families, *rest = (row[name] for name in names)
        return DecidedLike(LikeVerdict(row["verdict"]), families or (), *rest)
    if row["state"] == LikeState.QUARANTINED and ruleset is not None:
        return DecidedLike(None, intake_families(ruleset), ruleset.ruleset.version, "intake", "rules", None)
    return DecidedLike(None, (), None, None, None, None)


def intake_families(ruleset: Ruleset) -> list[str]:
    """Return the families of the rules that may hold a like as it arrives, sorted. Pure."""
    return sorted({rule.family for rule in ruleset.rules if rule.stage == "intake" and rule.mode == "live"})


def appeal_until(verdict: LikeVerdict | None, decided_at: datetime | None, appeal_days: int) -> datetime | None:
    """Return until when a verdict can be appealed; None for one that takes nothing away. Pure."""
    if verdict not in APPEALABLE or decided_at is None:
        return None
    return decided_at + timedelta(days=appeal_days)


def _unknown(index: int) -> LikeStatus:
    return {
        "index": index,
        "state": "unknown",
        "day": None,
        "families": [],
        "ruleset": None,
        "stage": None,
        "decided_by": None,
        "receipt": None,
        "appeal_until": None,
    }
