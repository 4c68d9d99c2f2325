"""Leaves of version 2 and the kinds that came with it, alone and beside leaves of version 1."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from ledger.log import leaf_schemas
from ledger.log.canonical import canonical_bytes
from ledger.log.leaf_schemas import MalformedLeaf, read_leaf
from ledger.log.verify.published_totals import PublishedTotals, find_difference
from ledger.log.verify.replay import RejectedLeaf, Replay

SCHEMAS = Path(leaf_schemas.__file__).parent / "schemas"
LINES = {v: (Path(__file__).parent / f"leaves-v{v}.ndjson").read_bytes().splitlines() for v in (1, 2)}
OLD, NEW = ([json.loads(line) for line in lines] for lines in LINES.values())
SLUG = "rural-education"
Leaf = dict[str, Any]


def replay_leaves(leaves: list[Leaf]) -> Replay:
    replay = Replay()
    for leaf in leaves:
        replay.add_leaf(canonical_bytes(leaf))
    replay.require_balanced()
    return replay


def first(kind: str, **members: Any) -> int:
    """Return the index of the first leaf of version 2 of a kind with these members."""
    return next(
        n for n, leaf in enumerate(NEW) if leaf["kind"] == kind and all(leaf.get(k) == v for k, v in members.items())
    )


def change_leaf(index: int, **members: Any) -> list[Leaf]:
    leaves = deepcopy(NEW)
    leaves[index] |= members
    return leaves


@pytest.mark.parametrize("cut", range(len(OLD) + 1))
def test_versions_mix_in_one_log_at_any_point(cut: int):
    figures = replay_leaves([*OLD[:cut], *NEW[cut : len(OLD)]]).figures()[SLUG]
    assert figures.pledged_minor == 43
    days_of_new_leaves = {d["day"] for leaf in NEW[cut:] if leaf["kind"] == "count" for d in leaf["days"]}
    assert (figures.quarantined == 7) is ("2022-04-12" in days_of_new_leaves)


ROW = NEW[first("verdicts")]["days"][0]
RETURNED, PAID = first("payout", state="returned"), first("payout", state="paid")
WRONG: list[tuple[str, list[Leaf], int, str]] = [
    ("a return without a reason", change_leaf(RETURNED, state="returned"), RETURNED, "which reason does not fit"),
    ("a reason of a payment", change_leaf(PAID, reason="AC04"), PAID, "which reason does not fit"),
    ("a payment without its day", change_leaf(PAID), PAID, "which paid_on does not fit"),
    (
        "a ruleset twice",
        [*NEW, NEW[first("ruleset")]],
        len(NEW),
        "version 1 of the ruleset is not after version 1",
    ),
    (
        "verdicts of an unknown ruleset",
        change_leaf(first("verdicts"), ruleset=2),
        first("verdicts"),
        "version 2 of the ruleset was not logged",
    ),
    (
        "verdicts before any terms",
        change_leaf(first("verdicts"), days=[ROW | {"day": "2022-04-07"}]),
        first("verdicts"),
        "no terms were in force",
    ),
    ("a row twice", change_leaf(first("verdicts"), days=[ROW, ROW]), first("verdicts"), "occur twice"),
]
del WRONG[0][1][RETURNED]["reason"], WRONG[2][1][PAID]["paid_on"]


@pytest.mark.parametrize(("leaves", "index", "reason"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_the_first_invalid_leaf_is_reported(leaves: list[Leaf], index: int, reason: str):
    with pytest.raises(RejectedLeaf, match=reason) as wrong:
        replay_leaves(leaves)
    assert wrong.value.index == index


def terms_with(beneficiary: Leaf) -> Leaf:
    leaf = deepcopy(NEW[0])
    leaf["promise"]["terms"]["beneficiaries"][0] = beneficiary
    return leaf


BENEFICIARY = NEW[0]["promise"]["terms"]["beneficiaries"][0]
ACCOUNT = OLD[0]["promise"]["terms"]["beneficiaries"][0]["account"]
COUNT, PAYOUT, RULESET, VERDICTS = (NEW[first(kind)] for kind in ("count", "payout", "ruleset", "verdicts"))
MALFORMED: list[tuple[str, Leaf]] = [
    ("terms with a full account", terms_with(BENEFICIARY | {"account": ACCOUNT})),
    ("terms without the hash", terms_with({k: v for k, v in BENEFICIARY.items() if k != "account_sha256"})),
    ("terms with another hash", terms_with(BENEFICIARY | {"account_sha256": "5C" * 32})),
    ("terms of version 1 as version 2", OLD[0] | {"v": 2}),
    ("a count of version 1 as version 2", OLD[2] | {"v": 2}),
    ("a count of version 2 as version 1", COUNT | {"v": 1}),
    ("a negative count", COUNT | {"days": [COUNT["days"][0] | {"low_quality": -1}]}),
    ("a payout without its account", {k: v for k, v in PAYOUT.items() if k != "account_sha256"}),
    ("a bank's words", NEW[RETURNED] | {"reason": "AC04 holder deceased"}),
    ("a charge of nothing", NEW[RETURNED] | {"charge_minor": 0}),
    ("a family twice", RULESET | {"families": ["pace", "pace"]}),
    ("a family in words", RULESET | {"families": ["too fast"]}),
    ("a reason in one language", RULESET | {"reason": {"en": "x"}}),
    ("a decision by nobody", VERDICTS | {"days": [ROW | {"decided_by": "nobody"}]}),
    ("a verdict with a person", VERDICTS | {"days": [ROW | {"person": "x"}]}),
    ("verdicts without a tree", VERDICTS | {"root": ""}),
]


@pytest.mark.parametrize("leaf", [case[1] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_a_malformed_leaf_is_refused_by_the_reader_and_the_schema(leaf: Leaf):
    with pytest.raises(MalformedLeaf):
        read_leaf(canonical_bytes(leaf))
    schema = json.loads((SCHEMAS / f"{leaf['kind']}-{leaf['v']}.json").read_text())
    with pytest.raises(ValidationError):
        Draft202012Validator(schema).validate(leaf)


def terms_version(number: int, **sections: Any) -> Leaf:
    leaf = deepcopy(NEW[0])
    leaf["promise"] |= sections
    return leaf | {"version": number}


def test_a_section_that_came_later_is_added_once_and_then_fixed():
    standard, none = {"rules": "standard"}, {"rules": "none"}
    replay_leaves(
        [terms_version(1), terms_version(2, authenticity=standard), terms_version(3, authenticity=standard)]
    )
    for later in (none, None):
        with pytest.raises(RejectedLeaf, match="the immutable part of the promise"):
            replay_leaves([terms_version(1, authenticity=standard), terms_version(2, authenticity=later)])


def test_published_quarantined_likes_are_compared_where_the_log_says_them():
    names = ("counted", "withdrawn", "void", "quarantined")
    for leaves, published, differs in ((NEW, 7, False), (NEW, 8, True), (OLD, 8, False)):
        figures = replay_leaves(leaves).figures()
        totals = {slug: {name: getattr(f, name) or 0 for name in names} for slug, f in figures.items()}
        totals[SLUG]["quarantined"] = published
        difference = find_difference(PublishedTotals(0, b"", totals), figures)
        assert (difference is not None) is differs, difference
