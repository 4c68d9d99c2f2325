"""The replay: a correct log adds up, and the first invalid leaf is reported."""

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from jsonschema import Draft202012Validator

from ledger.log import leaf_schemas
from ledger.log.canonical import canonical_bytes
from ledger.log.verify.replay import RejectedLeaf, Replay

SCHEMAS = Path(leaf_schemas.__file__).parent / "schemas"
LEAVES = Path(__file__).parent
FIRST_KINDS = {"terms", "count", "transfer", "settlement", "payout", "note"}
Leaf = dict[str, Any]


def transfer(number: int, step: str, amount_minor: int, corrects: int | None = None, charity: str = "") -> Leaf:
    return {
        "kind": "transfer",
        "transfer": _id(number),
        "step": step,
        "campaign": "c",
        "charity": charity,
        "currency": "CNY",
        "amount_minor": amount_minor,
        "corrects": None if corrects is None else _id(corrects),
        "reference": "r",
    }


def _id(number: int) -> str:
    return str(uuid5(NAMESPACE_URL, str(number)))


def terms(version: int = 1, from_day: str = "2026-01-01", per_likes: int = 3, **campaign: Any) -> Leaf:
    section = {"slug": "c", "currency": "CNY", "floor_minor": 0} | campaign
    beneficiaries = [{"charity": "a", "share_bp": 7000}, {"charity": "b", "share_bp": 3000}]
    terms_section = {"rate": {"amount_minor": 1, "per_likes": per_likes}, "beneficiaries": beneficiaries}
    promise = {"campaign": section, "terms": terms_section, "settlement": {}}
    return {"kind": "terms", "campaign": "c", "version": version, "from_day": from_day, "promise": promise}


def count(day: str, counted: int, *batches: tuple[int, int], withdrawn: int = 0) -> Leaf:
    days = [{"day": day, "counted": counted, "withdrawn": withdrawn, "void": 0}]
    return {"kind": "count", "campaign": "c", "days": days, "batches": [[n, size, "0" * 64] for n, size in batches]}


def settlement(number: int, cut_off: str, a: int, b: int, total: int | None = None) -> Leaf:
    shares = [{"charity": "a", "amount_minor": a}, {"charity": "b", "amount_minor": b}]
    return {
        "kind": "settlement",
        "campaign": "c",
        "settlement": f"stl_{number}",
        "period": f"2026-02-{number:02}",
        "cut_off": cut_off,
        "total_minor": a + b if total is None else total,
        "shares": shares,
    }


def payout(state: str, amount_minor: int = 7, charity: str = "a", settled: int = 1) -> Leaf:
    return {
        "kind": "payout",
        "campaign": "c",
        "settlement": f"stl_{settled}",
        "payout": f"pay_{charity}",
        "charity": charity,
        "amount_minor": amount_minor,
        "state": state,
    }


# Thirty likes at 1/3 earn 10, all settled. Later four are withdrawn; nothing is reversed.
RIGHT: list[Leaf] = [
    terms(),
    transfer(1, "fund", 100),
    count("2026-01-01", 30, (1, 20), (3, 10)),
    transfer(2, "pledge", 10),
    transfer(3, "settle", 7, charity="a"),
    transfer(4, "settle", 3, charity="b"),
    settlement(1, "2026-01-05", 7, 3),
    payout("waiting"),
    transfer(5, "send", 7, charity="a"),
    payout("sending"),
    count("2026-01-01", 26, (4, 1), withdrawn=4),
    payout("sent"),
    transfer(6, "confirm", 7, charity="a"),
    payout("paid"),
    terms(2, "2026-01-10", per_likes=2),
    count("2026-01-11", 9, (7, 9)),
    transfer(7, "pledge", 3),
]


def entry(leaf: Mapping[str, Any]) -> bytes:
    return canonical_bytes({"v": 1, **leaf})


def replay_leaves(leaves: list[Leaf]) -> Replay:
    replay = Replay()
    for leaf in leaves:
        replay.add_leaf(entry(leaf))
    replay.require_balanced()
    return replay


def change_leaf(index: int, **members: Any) -> list[Leaf]:
    leaves = deepcopy(RIGHT)
    leaves[index] |= members
    return leaves


def test_a_correct_log_adds_up():
    figures = replay_leaves(RIGHT).figures()["c"]
    assert figures._asdict() == {
        "counted": 35,
        "withdrawn": 4,
        "void": 0,
        "funded_minor": 100,
        "pledged_minor": 13,
        "settled_minor": 10,
        "in_flight_minor": 0,
        "paid_minor": 7,
        "quarantined": None,
        "low_quality": None,
    }
    assert figures.remaining_minor == 87


WRONG: list[tuple[str, list[Leaf], int, str]] = [
    ("more pledged than due", change_leaf(3, amount_minor=11), 3, "11 minor units are pledged, but .* make 10 due"),
    (
        "less pledged than due",
        [*change_leaf(3, amount_minor=9)[:4]],
        2,
        "c must have pledged 10 minor units; it has pledged 9",
    ),
    ("never pledged", RIGHT[:3], 2, "no later leaf corrects this"),
    ("another currency", change_leaf(3, currency="USD"), 3, "the transfer is in USD, but the promise is in CNY"),
    ("more than the budget", change_leaf(1, amount_minor=9), 3, "the balance of budget c would be -1"),
    ("a campaign without terms", RIGHT[1:], 0, "campaign c has no terms yet"),
    ("a skipped version", change_leaf(14, version=3), 14, "version 3 of the terms follows version 1"),
    (
        "terms for days that were counted",
        change_leaf(14, from_day="2026-01-01"),
        14,
        "likes of 2026-01-01 were already counted",
    ),
    ("likes before any terms", change_leaf(2, days=count("2025-12-31", 3)["days"]), 2, "no terms were in force"),
    (
        "more likes than the batches hold",
        change_leaf(2, batches=[[1, 20, "0" * 64]]),
        2,
        "30 likes are counted, .* hold 20",
    ),
    ("a batch twice", change_leaf(10, batches=[[3, 1, "0" * 64]]), 10, "batch 3 was logged before"),
    ("a transfer twice", change_leaf(5, transfer=_id(3)), 5, "was logged before"),
    ("no charity", change_leaf(4, charity=""), 4, "a settle transfer must name a charity"),
    ("a correction of nothing", change_leaf(5, corrects=_id(9)), 5, "not an earlier transfer"),
    ("a correction of another step", change_leaf(5, corrects=_id(2)), 5, "not an earlier transfer of the same step"),
    (
        "shares that make another sum",
        change_leaf(6, total_minor=11),
        6,
        "the shares add up to 10 minor units, not 11",
    ),
    (
        "shares that are not due",
        [
            *RIGHT[:4],
            transfer(3, "settle", 6, charity="a"),
            transfer(4, "settle", 4, charity="b"),
            settlement(1, "2026-01-05", 6, 4),
        ],
        6,
        "the shares cannot be a 6, b 4",
    ),
    ("shares that did not move", [*RIGHT[:6], settlement(1, "2026-01-05", 6, 4)], 6, "settled 7 minor units for a"),
    ("a cut-off before the likes", change_leaf(6, cut_off="2025-12-31"), 6, "a 0, b 0 is due in total"),
    ("a settlement that moved nothing", [*RIGHT[:4], RIGHT[6]], 4, "transfers settled 0 minor units for a"),
    ("a settlement twice", [*RIGHT[:7], RIGHT[6]], 7, "was logged before"),
    ("a period out of order", [*RIGHT[:7], {**RIGHT[6], "settlement": "stl_2"}], 7, "is not after"),
    ("a payout of no settlement", change_leaf(7, settlement="stl_9"), 7, "which is not a settlement of c"),
    (
        "a payout of more than was settled",
        change_leaf(7, amount_minor=8),
        7,
        "payouts to a add up to 8 .* 7 are settled",
    ),
    ("a payout that changes", change_leaf(9, amount_minor=6), 9, "another amount, charity or settlement"),
    ("a payout state out of order", change_leaf(9, state="paid"), 9, "pay_a is waiting: it cannot become paid"),
    ("resent without a return", [*RIGHT[:10], payout("waiting")], 10, "is sending: it cannot become waiting"),
    ("paid without money", [*RIGHT[:12], *RIGHT[13:]], 15, "payouts say 0 minor units in flight and 7 paid"),
    ("money without a payout", [*RIGHT[:9], *RIGHT[10:11]], 9, "payouts say 0 minor units in flight and 0 paid"),
    (
        "another currency promised",
        change_leaf(14, promise=terms(2, currency="USD")["promise"]),
        14,
        "the immutable part of the promise of c has changed",
    ),
    ("a rate of nothing", [terms(per_likes=0)], 0, "not a positive integer"),
]


@pytest.mark.parametrize(("leaves", "index", "reason"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_the_first_invalid_leaf_is_reported(leaves: list[Leaf], index: int, reason: str):
    with pytest.raises(RejectedLeaf, match=reason) as wrong:
        replay_leaves(leaves)
    assert wrong.value.index == index


def test_a_correction_reverses_once_and_at_most_the_amount():
    start = [terms(), transfer(1, "fund", 50), transfer(2, "fund", 20, corrects=1)]
    assert replay_leaves(start).figures()["c"].funded_minor == 30
    with pytest.raises(RejectedLeaf, match="corrected before"):
        replay_leaves([*start, transfer(3, "fund", 1, corrects=1)])
    with pytest.raises(RejectedLeaf, match="reverses 51 of a transfer of 50"):
        replay_leaves([*start[:2], transfer(2, "fund", 51, corrects=1)])


def offset_leaves(c: int, d: int) -> list[Leaf]:
    """Return leaves in which fifteen of thirty settled likes are withdrawn.

    `a` was paid 3 too much, `b` 2; the shares of `c` and `d` bear it.
    """
    new_terms = terms(2, "2026-01-10", per_likes=1)
    new_terms["promise"]["terms"]["beneficiaries"] = [{"charity": n, "share_bp": 5000} for n in "cd"]
    shares = [{"charity": n, "amount_minor": minor} for n, minor in (("c", c), ("d", d)) if minor]
    return [
        *RIGHT[:7],
        count("2026-01-01", 15, (4, 1), withdrawn=15),
        new_terms,
        count("2026-01-11", 10, (7, 10)),
        transfer(7, "pledge", 5),
        *(transfer(8 + n, "settle", s["amount_minor"], charity=s["charity"]) for n, s in enumerate(shares)),
        {**settlement(2, "2026-01-12", 0, 0), "total_minor": c + d, "shares": shares},
    ]


def test_an_excess_is_deducted_evenly_from_the_others():
    assert replay_leaves(offset_leaves(3, 2)).figures()["c"].settled_minor == 15
    for c, d in ((2, 3), (5, 0), (0, 5), (4, 1)):
        with pytest.raises(RejectedLeaf, match="the shares cannot be"):
            replay_leaves(offset_leaves(c, d))


def test_a_cancelled_settlement_returns_its_amount_to_the_next():
    leaves = [
        payout("cancelled"),
        transfer(8, "settle", 7, corrects=3, charity="a"),
        transfer(9, "settle", 3, corrects=4, charity="b"),
        transfer(10, "settle", 7, charity="a"),
        transfer(11, "settle", 3, charity="b"),
        settlement(2, "2026-01-05", 7, 3),
    ]
    assert replay_leaves([*RIGHT[:8], *leaves]).figures()["c"].settled_minor == 10


def test_the_floor_is_due_once_the_campaign_is_closed():
    closed = {"kind": "note", "campaign": "c", "about": "closed", "closed_at": "2026-02-01T00:00:00Z", "text": "t"}
    start = [terms(floor_minor=40), transfer(1, "fund", 50)]
    assert replay_leaves(start).figures()["c"].pledged_minor == 0
    with pytest.raises(RejectedLeaf, match="leaf 2: from this leaf on c must have pledged 40"):
        replay_leaves([*start, closed])
    assert replay_leaves([*start, transfer(2, "pledge", 40), closed]).figures()["c"].pledged_minor == 40
    with pytest.raises(RejectedLeaf, match="41 minor units are pledged"):
        replay_leaves([*start, transfer(2, "pledge", 41)])


BYTES: list[tuple[bytes, str]] = [
    (b"", "not JSON"),
    (b"[]", "not a JSON object"),
    (b"{}", "unknown kind or version"),
    (b'{"kind":"count","v":3}', "unknown kind or version: 'count', 3"),
    (b'{"kind":"count","v":2}', "missing batches, campaign, days"),
    (b'{"kind":"count","v":true}', "v cannot be true|missing"),
    (b'{"kind":["count"],"v":1}', "unknown kind or version"),
    (b'{"v":1,"kind":"note"}', "not canonical"),
    (b'{"kind": "note","v":1}', "not canonical"),
    (b'{"kind":"note","kind":"note","v":1}', "not canonical"),
    (b'{"a":1.5,"kind":"note","v":1}', "not JSON: 1.5 is not an integer"),
    (b'{"a":9007199254740993,"kind":"note","v":1}', "has no member|missing"),
    (b'{"a":NaN,"kind":"note","v":1}', "not JSON"),
    (b'{"a":"\xff"}', "not JSON"),
    (b'{"a":"\\ud800","kind":"note","v":1}', "not canonical|not JSON|surrogate"),
    (b"[" * 100_000, "not JSON"),
    (entry({**RIGHT[2], "more": 1}), "a count leaf has no member more"),
    (entry({**RIGHT[1], "amount_minor": 0}), "amount_minor cannot be 0"),
    (entry({**RIGHT[1], "amount_minor": "5"}), "amount_minor cannot be"),
    (entry({**RIGHT[1], "campaign": "C"}), "campaign cannot be"),
    (entry({**RIGHT[1], "step": "steal"}), "step cannot be"),
    (entry({**RIGHT[1], "transfer": "x"}), "not a transfer id"),
    (entry({**RIGHT[2], "days": [{"day": "2026-02-30", "counted": 1, "void": 0, "withdrawn": 0}]}), "days cannot be"),
    (entry({**RIGHT[2], "batches": [[0, 1, "0" * 64]]}), "batches cannot be"),
    (entry({**RIGHT[2], "batches": [[2**52, 1, "0" * 64]]}), "its number is out of range"),
]


@pytest.mark.parametrize(("raw", "reason"), BYTES, ids=range(len(BYTES)))
def test_bytes_that_are_not_a_leaf_are_refused(raw: bytes, reason: str):
    replay = Replay()
    replay.add_leaf(entry(RIGHT[0]))
    with pytest.raises(RejectedLeaf, match=reason):
        replay.add_leaf(raw)


# --- schemas ---


def schema(leaf: Leaf) -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / f"{leaf['kind']}-{leaf['v']}.json").read_text()))


def test_each_kind_and_version_has_a_schema_with_the_same_members():
    files = {path.stem: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    assert files.keys() == {f"{kind}-{version}" for kind, version in leaf_schemas.SCHEMAS}
    for (kind, version), members in leaf_schemas.SCHEMAS.items():
        file_schema = files[f"{kind}-{version}"]
        Draft202012Validator.check_schema(file_schema)
        optional = leaf_schemas.OPTIONAL_MEMBERS.get((kind, version), frozenset())
        assert file_schema["properties"].keys() == members.keys()
        assert set(file_schema["required"]) == members.keys() - optional


@pytest.mark.parametrize(
    ("file", "kinds", "quarantined"),
    [("leaves-v1", FIRST_KINDS, None), ("leaves-v2", FIRST_KINDS | {"ruleset", "verdicts"}, 7)],
)
def test_stored_leaves_still_replay(file: str, kinds: set[str], quarantined: int | None):
    """These bytes were written by the version in their name; every later version must read them."""
    replay, seen = Replay(), set()
    for line in (LEAVES / f"{file}.ndjson").read_bytes().splitlines():
        replay.add_leaf(line)
        leaf = json.loads(line)
        schema(leaf).validate(leaf)
        seen.add(leaf["kind"])
    replay.require_balanced()
    assert seen == kinds
    assert replay.figures()["rural-education"].pledged_minor == 43
    assert replay.figures()["rural-education"].quarantined == quarantined
