"""The log's leaf about verdicts: the days' totals so far, and a tree over the verdicts that changed.

It names no person, device, network or score. A leaf of the tree commits to the hash of the like's
own leaf, which only a receipt links to a like. All rows of a day stand in one leaf, so that a
family which leaves `other` moves nothing (`ledger/log/verify/verdicts.py`).
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Any

from campaigns.catalogue.cache import Campaign
from campaigns.intake.claim import BUCKET
from campaigns.intake.like_state import LikeVerdict
from campaigns.intake.verdict_change import VerdictChange, VerdictSource
from campaigns.verdict_counts import OTHER, VerdictCount, group_small_families
from ledger.log.merkle import HASH_BYTES, leaf_hash, root
from ledger.publication.outbox import enqueue_leaf
from sql import Connection, query

LEAF_ROWS_MAX = 300  # they fit one leaf of 64 KiB; a day has at most 200

_VERDICT = b"\x02"  # version 1 is the tree over likes
_LIST_VERDICT_COUNTS = query("list_verdict_counts")
_LIST_LIKE_LEAVES = query("list_like_leaves")


async def enqueue_verdict_leaf(
    conn: Connection,
    campaign: Campaign,
    changes: Sequence[VerdictChange],
    source: VerdictSource,
    batch_id: int,
    *,
    days: Sequence[date],
) -> None:
    """Queue leaves about verdicts that changed the counts of these days.

    Several leaves have the same tree. Joins the caller's transaction.
    """
    counts = [VerdictCount(*row) for row in await conn.fetch(_LIST_VERDICT_COUNTS, campaign.campaign_id, list(days))]
    columns = [change.content for change in changes], [change.person for change in changes]
    leaves = await conn.fetch(_LIST_LIKE_LEAVES, campaign.campaign_id, BUCKET, *columns)
    tree_root = verdicts_root((row["leaf"], change.verdict) for row, change in zip(leaves, changes, strict=True))
    for part, rows in enumerate(split_days(list_rows(counts, days))):
        body = {
            "campaign": campaign.slug,
            "ruleset": source.ruleset,
            "days": [_leaf_row(count) for count in rows],
            "size": len(changes),
            "root": tree_root.hex(),
        }
        await enqueue_leaf(conn, "verdicts", f"verdicts/{batch_id}/{part}", body)


def verdicts_root(verdicts: Iterable[tuple[bytes | None, LikeVerdict]]) -> bytes:
    """Return the root over verdicts, each with the hash of its like's leaf; None: it has none. Pure.

    A leaf is sha256(0x00 ‖ 0x02 ‖ hash of the like's leaf, or 32 zeros ‖ verdict in ASCII).
    """
    return root(
        sorted(leaf_hash(_VERDICT + (leaf or bytes(HASH_BYTES)) + verdict.encode()) for leaf, verdict in verdicts)
    )


def list_rows(counts: Iterable[VerdictCount], days: Iterable[date]) -> list[VerdictCount]:
    """Return all rows of the days, sorted; a day whose verdicts have all moved has a row of zeros. Pure."""
    rows = group_small_families(counts)
    empty_days = set(days) - {row.day for row in rows}
    return sorted([*rows, *(VerdictCount(day, OTHER, "rules") for day in empty_days)])


def split_days(counts: Sequence[VerdictCount]) -> list[list[VerdictCount]]:
    """Return sorted counts in parts of whole days, each small enough for one leaf. Pure."""
    parts: list[list[VerdictCount]] = []
    for _, day in groupby(counts, key=lambda count: count.day):
        rows = list(day)
        if parts and len(parts[-1]) + len(rows) <= LEAF_ROWS_MAX:
            parts[-1].extend(rows)
        else:
            parts.append(rows)
    return parts


def _leaf_row(count: VerdictCount) -> dict[str, Any]:
    return {
        "day": count.day.isoformat(),
        "family": count.family,
        "decided_by": count.decided_by,
        "quarantined": count.quarantined,
        "released": count.released,
        "void": count.void,
        "low_quality": 0,  # a like's quality is no verdict
    }
