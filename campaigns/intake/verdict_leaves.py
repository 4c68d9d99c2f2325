"""The log's leaf about verdicts: the days' totals so far, and a tree over the verdicts that changed.

The leaf names no person and no like. An entry of the tree (RFC 6962) is the like's pseudonym, the
verdict, U+001F, and the content.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from campaigns.catalogue.cache import Campaign
from campaigns.intake.claim import BUCKET
from campaigns.intake.verdict_change import VerdictChange, VerdictSource
from ledger.log.merkle import leaf_hash, root
from ledger.publication.outbox import enqueue_leaf
from sql import Connection, query

FAMILY_LIKES_MIN = 10  # fewer likes of a day are published as `other`
LEAF_ROWS_MAX = 300  # they fit one leaf of 64 KiB
_OTHER = "other"
_COUNTS = {"quarantined": "held", "released": "released", "void": "void"}

_LIST_VERDICT_COUNTS = query("list_verdict_counts")


async def enqueue_verdict_leaf(
    conn: Connection, campaign: Campaign, changes: Sequence[VerdictChange], source: VerdictSource, batch_id: int
) -> None:
    """Queue the leaf about changed verdicts, which are sorted. Joins the caller's transaction."""
    columns = [change.content for change in changes], [change.person for change in changes]
    rows = group_counts(await conn.fetch(_LIST_VERDICT_COUNTS, campaign.campaign_id, BUCKET, *columns))
    tree_root = root([leaf_hash(_entry(change)) for change in changes]).hex()
    for part, first in enumerate(range(0, len(rows), LEAF_ROWS_MAX)):
        body = {
            "campaign": campaign.slug,
            "ruleset": source.ruleset,
            "days": rows[first : first + LEAF_ROWS_MAX],
            "size": len(changes),
            "root": tree_root,
        }
        await enqueue_leaf(conn, "verdicts", f"verdicts/{batch_id}/{part}", body)


def group_counts(rows: Iterable[Any]) -> list[dict[str, object]]:
    """Return the days' totals by public family and decider, small families together. Pure."""
    groups: dict[tuple[str, str, str], Counter[str]] = {}
    for row in rows:
        likes = sum(row[name] for name in _COUNTS.values())
        family = row["family"] if likes >= FAMILY_LIKES_MIN else _OTHER
        counts = groups.setdefault((row["day"].isoformat(), family, row["decided_by"]), Counter())
        counts.update({public: row[name] for public, name in _COUNTS.items()})
    return [
        {"day": day, "family": family, "decided_by": decided_by, "low_quality": 0, **groups[day, family, decided_by]}
        for day, family, decided_by in sorted(groups)
    ]


def _entry(change: VerdictChange) -> bytes:
    return change.person + f"{change.verdict}\x1f{change.content}".encode()
