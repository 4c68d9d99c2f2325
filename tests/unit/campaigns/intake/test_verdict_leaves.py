"""Leaves about verdicts: whole days, small enough, and a tree that names nobody."""

from datetime import date, timedelta
from hashlib import sha256

from campaigns.intake.like_state import LikeVerdict
from campaigns.intake.verdict_leaves import LEAF_ROWS_MAX, list_rows, split_days, verdicts_root
from campaigns.verdict_counts import OTHER, VerdictCount
from ledger.log.merkle import root
from ledger.publication.outbox import leaf_body

MONDAY = date(2026, 11, 2)
LIKE_LEAF = sha256(b"a like").digest()
ENTRY_BYTES_MAX = 65_535


def test_a_leaf_of_the_tree_is_of_the_likes_leaf_and_the_verdict():
    leaves = [(LIKE_LEAF, LikeVerdict.HELD), (None, LikeVerdict.VOID)]
    hashes = [sha256(b"\0\2" + LIKE_LEAF + b"held").digest(), sha256(b"\0\2" + bytes(32) + b"void").digest()]
    assert verdicts_root(leaves) == verdicts_root(reversed(leaves)) == root(sorted(hashes))


def test_a_day_whose_verdicts_have_moved_has_a_row_of_zeros():
    tuesday = MONDAY + timedelta(days=1)
    counts = [VerdictCount(MONDAY, "device", "rules"), VerdictCount(tuesday, "device", "rules", quarantined=10)]
    assert list_rows(counts, [MONDAY, tuesday]) == [VerdictCount(MONDAY, OTHER, "rules"), counts[1]]


def test_leaves_have_whole_days_and_fit():
    rows = [
        VerdictCount(MONDAY + timedelta(days=day), f"{family:063}", "people", 10**12, 10**12, 10**12)
        for day in range(4)
        for family in range(120)
    ]
    parts = split_days(rows)
    assert [len(part) for part in parts] == [240, 240]
    assert [row for part in parts for row in part] == rows
    largest = split_days(rows * 2)[0][:LEAF_ROWS_MAX]
    days = [
        {"day": "2026-11-02", "family": row.family, "decided_by": "people", "low_quality": 0}
        | dict.fromkeys(("quarantined", "released", "void"), 10**12)
        for row in [*largest, *largest][:LEAF_ROWS_MAX]
    ]
    body = {"campaign": "c" * 63, "ruleset": 2**31, "days": days, "size": 10**9, "root": "f" * 64}
    assert len(leaf_body("verdicts", body)) <= ENTRY_BYTES_MAX
