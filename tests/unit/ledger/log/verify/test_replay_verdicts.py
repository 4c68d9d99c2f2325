"""Verdicts in a replay: a forged, missing or contradicting leaf is found."""

from typing import Any

import pytest

from ledger.log.canonical import canonical_bytes
from ledger.log.verify.published_totals import PublishedTotals, find_difference, parse_totals
from ledger.log.verify.replay import RejectedLeaf, Replay

Leaf = dict[str, Any]
FIRST, SECOND = "2026-01-01", "2026-01-02"
ALL_OF_IT = {"charity": "a", "share_bp": 10_000}
TERMS: Leaf = {
    "kind": "terms", "v": 1, "campaign": "c", "version": 1, "from_day": FIRST,
    "promise": {
        "campaign": {"slug": "c", "currency": "CNY", "floor_minor": 0}, "settlement": {},
        "authenticity": {"rules": "standard"},
        "terms": {"rate": {"amount_minor": 1, "per_likes": 3}, "beneficiaries": [ALL_OF_IT]},
    },
}  # fmt: skip


def ruleset(version: int) -> Leaf:
    reason = {"en": "first", "zh": "首批"}
    return {
        "kind": "ruleset", "v": 1, "campaign": "c", "version": version, "sha256": "a" * 64,
        "families": ["device", "pace"], "reason": reason,
    }  # fmt: skip


def row(day: str, family: str, decided_by: str = "rules", **verdicts: int) -> Leaf:
    zeros = dict.fromkeys(("quarantined", "released", "void", "low_quality"), 0)
    return {"day": day, "family": family, "decided_by": decided_by, **zeros, **verdicts}


def verdicts(size: int, *rows: Leaf, version: int = 1) -> Leaf:
    return {
        "kind": "verdicts", "v": 1, "campaign": "c", "ruleset": version, "days": list(rows), "size": size,
        "root": "b" * 64,
    }  # fmt: skip


def count(day: str, batches: list[tuple[int, int]], **states: int) -> Leaf:
    zeros = dict.fromkeys(("counted", "withdrawn", "void", "quarantined", "low_quality"), 0)
    days, roots = [{"day": day, **zeros, **states}], [[number, size, "c" * 64] for number, size in batches]
    return {"kind": "count", "v": 2, "campaign": "c", "days": days, "batches": roots}


# Sixty likes: rules hold thirty, people make eleven of them void and release four; one is withdrawn.
HELD = verdicts(30, row(FIRST, "device", quarantined=24), row(FIRST, "other", quarantined=6))
DECIDED = verdicts(
    15,
    row(FIRST, "device", quarantined=15),
    row(FIRST, "device", "people", void=9),
    row(FIRST, "other", "people", void=2, released=4),
)
HONEST = [
    TERMS,
    ruleset(1),
    count(FIRST, [(1, 60)], counted=58, quarantined=2),
    HELD,
    count(FIRST, [], counted=30, quarantined=30),
    ruleset(2),
    DECIDED,
    count(FIRST, [], counted=33, quarantined=15, void=11, withdrawn=1),
]


def replay_leaves(leaves: list[Leaf]) -> Replay:
    replay = Replay()
    for leaf in leaves:
        replay.add_leaf(canonical_bytes(leaf))
    return replay


def verify(leaves: list[Leaf]) -> None:
    """Replay the leaves, then compare sums as at a signed head; nothing is funded, so nothing is due."""
    replay_leaves(leaves).require_balanced()


def without(index: int) -> list[Leaf]:
    return HONEST[:index] + HONEST[index + 1 :]


def with_leaf(index: int, leaf: Leaf) -> list[Leaf]:
    return [*HONEST[:index], leaf, *HONEST[index + 1 :]]


def test_an_honest_log_is_verified_at_every_head():
    for size in (2, 3, 4, 5, 6, 7, 8):
        verify(HONEST[:size])
    figures = replay_leaves(HONEST).figures()["c"]
    assert (figures.counted, figures.quarantined, figures.void, figures.withdrawn) == (33, 15, 11, 1)


FORGED: dict[str, tuple[list[Leaf], str]] = {
    "the leaf that held them is missing": (without(3), "its tree has 15 verdicts, but its totals move by 30"),
    "the leaf that made them void is missing": (
        without(6), "verdicts make 0 likes void, but the counts have 11 void and 1 withdrawn",
    ),
    "no verdict at all, but void likes": (
        [*HONEST[:3], count(FIRST, [], counted=49, void=11)], "the counts have 11 void",
    ),
    "more void than counted": (
        with_leaf(6, verdicts(20, row(FIRST, "device", quarantined=13), row(FIRST, "device", "people", void=17))),
        "verdicts make 17 likes void, but the counts have 11 void",
    ),
    "more held than counted": (
        with_leaf(3, verdicts(40, row(FIRST, "device", quarantined=40))), "before this leaf verdicts hold 40 likes",
    ),
    "totals that its tree cannot move": (
        with_leaf(3, verdicts(29, row(FIRST, "device", quarantined=30))), "its tree has 29 verdicts",
    ),
    "a verdict that is gone": (
        with_leaf(6, verdicts(15, row(FIRST, "device", quarantined=29))),
        "29 likes have a verdict, but 30 had one before",
    ),
    "a ruleset that was skipped": (
        [*HONEST[:6], ruleset(4), verdicts(1, row(FIRST, "pace"), version=3)],
        "version 3 of the ruleset was not logged",
    ),
    "counts that keep likes which verdicts hold": (
        with_leaf(7, count(FIRST, [], counted=48, quarantined=1, void=11)), "verdicts hold 15 likes",
    ),
    "more likes in a state than in the batches": (
        [*HONEST, count(SECOND, [(2, 3)], low_quality=2, quarantined=1, withdrawn=1)], "64 likes have a state",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("leaves", "reason"), FORGED.values(), ids=FORGED)
def test_a_forged_log_is_found(leaves: list[Leaf], reason: str):
    with pytest.raises(RejectedLeaf, match=reason):
        verify(leaves)


def test_a_family_leaves_other_without_a_jump():
    """Its likes move from one row to another: its tree has one verdict only."""
    nine = verdicts(14, row(FIRST, "other", quarantined=14))
    ten = verdicts(1, row(FIRST, "device", quarantined=10), row(FIRST, "other", quarantined=5))
    likes = count(FIRST, [(1, 15)], quarantined=15)
    verify([TERMS, ruleset(1), nine, ten, likes])


def test_a_verdict_that_is_decided_again_moves_to_the_day_of_its_like():
    moved = verdicts(1, row(FIRST, "other"), row(SECOND, "other", "people", released=1))
    likes = [count(FIRST, [(1, 1)], quarantined=1), count(FIRST, []), count(SECOND, [], counted=1)]
    verify([TERMS, ruleset(1), verdicts(1, row(FIRST, "other", quarantined=1)), likes[0], moved, *likes[1:]])


def test_a_campaign_of_an_older_version_has_leaves_for_likes_that_counted_only():
    promise = {name: part for name, part in TERMS["promise"].items() if name != "authenticity"}
    verify([TERMS | {"promise": promise}, count(FIRST, [(1, 3)], counted=3, quarantined=9)])


def test_the_published_likes_of_low_quality_are_compared():
    leaves = [TERMS, count(FIRST, [(1, 9)], counted=3, low_quality=6)]
    figures = replay_leaves(leaves).figures()
    for published, differs in ((6, False), (5, True)):
        likes = {"counted": 3, "withdrawn": 0, "void": 0, "quarantined": 0, "low_quality": published}
        difference = find_difference(PublishedTotals(0, b"", {"c": likes}), figures)
        assert (difference == "c: low_quality is published as 5, but the log gives 6") is differs


def test_totals_of_a_service_that_knows_no_quality_are_read():
    money = {name: {"minor": 0} for name in ("funded", "pledged", "settled", "in_flight", "paid", "remaining")}
    likes = {"counted": 0, "withdrawn": 0, "void": 0, "quarantined": 0}
    campaign = {"campaign": "c", "checkpoint": {"size": 1, "root": "AA=="}, "likes": likes, "money": money}
    for later in ({}, {"low_quality": 4}):
        totals = parse_totals(canonical_bytes({"campaigns": [campaign | {"likes": likes | later}]}))
        assert totals is not None
        assert totals.campaigns["c"].get("low_quality") == later.get("low_quality")
