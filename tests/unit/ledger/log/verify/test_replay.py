"""The replay: a log that is right adds up, and the first leaf that cannot be so is named."""

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
OLD_LEAVES = Path(__file__).parent / "leaves-v1.ndjson"
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
    made = {"slug": "c", "currency": "CNY", "floor_minor": 0} | campaign
    beneficiaries = [{"charity": "a", "share_bp": 7000}, {"charity": "b", "share_bp": 3000}]
    own = {"rate": {"amount_minor": 1, "per_likes": per_likes}, "beneficiaries": beneficiaries}
    promise = {"campaign": made, "terms": own, "settlement": {}}
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


# Thirty likes at 1/3 make 10, all of it settled; four are withdrawn later: 8 are due, and nothing can go back.
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


def replayed(leaves: list[Leaf]) -> Replay:
    replay = Replay()
    for leaf in leaves:
        replay.add_leaf(entry(leaf))
    replay.require_balanced()
    return replay


def changed(index: int, **members: Any) -> list[Leaf]:
    leaves = deepcopy(RIGHT)
    leaves[index] |= members
    return leaves


def test_a_log_that_is_right_adds_up():
    figures = replayed(RIGHT).figures()["c"]
    assert figures._asdict() == {
        "counted": 35,
        "withdrawn": 4,
        "void": 0,
        "funded_minor": 100,
        "pledged_minor": 13,
        "settled_minor": 10,
        "in_flight_minor": 0,
        "paid_minor": 7,
    }
    assert figures.remaining_minor == 87


WRONG: list[tuple[str, list[Leaf], int, str]] = [
    ("more pledged than due", changed(3, amount_minor=11), 3, "11 minor units are pledged, and .* make 10 due"),
    ("less pledged than due", [*changed(3, amount_minor=9)[:4]], 2, "c is to pledge 10 minor units, it pledges 9"),
    ("never pledged", RIGHT[:3], 2, "no later leaf mends it"),
    ("another currency", changed(3, currency="USD"), 3, "USD moves, the promise is in CNY"),
    ("more than the budget", changed(1, amount_minor=9), 3, "budget c would hold -1 minor units"),
    ("a campaign that nobody promised", RIGHT[1:], 0, "c was never promised"),
    ("a version left out", changed(14, version=3), 14, "version 3 of the terms comes after 1"),
    (
        "terms for days that were counted",
        changed(14, from_day="2026-01-01"),
        14,
        "likes of 2026-01-01 counted already",
    ),
    ("likes before any terms", changed(2, days=count("2025-12-31", 3)["days"]), 2, "no terms were in force"),
    ("more likes than the batches hold", changed(2, batches=[[1, 20, "0" * 64]]), 2, "30 likes count, .* hold 20"),
    ("a batch twice", changed(10, batches=[[3, 1, "0" * 64]]), 10, "the batch 3 was told before"),
    ("a transfer twice", changed(5, transfer=_id(3)), 5, "was told before"),
    ("no charity", changed(4, charity=""), 4, "names a charity where"),
    ("a correction of nothing", changed(5, corrects=_id(9)), 5, "no earlier transfer"),
    ("a correction of another step", changed(5, corrects=_id(2)), 5, "no earlier transfer of the same step"),
    ("shares that make another sum", changed(6, total_minor=11), 6, "the shares make 10 minor units, not 11"),
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
    ("a cut-off before the likes", changed(6, cut_off="2025-12-31"), 6, "make a 0, b 0 due in all"),
    ("a settlement that moved nothing", [*RIGHT[:4], RIGHT[6]], 4, "transfers settled 0 minor units for a"),
    ("a settlement twice", [*RIGHT[:7], RIGHT[6]], 7, "was told before"),
    ("a period out of turn", [*RIGHT[:7], {**RIGHT[6], "settlement": "stl_2"}], 7, "does not come after"),
    ("a payout of no settlement", changed(7, settlement="stl_9"), 7, "which is no settlement of c"),
    ("a payout of more than was settled", changed(7, amount_minor=8), 7, "payouts to a make 8 .* settled 7"),
    ("a payout that changes", changed(9, amount_minor=6), 9, "another amount, charity or settlement"),
    ("a payout out of turn", changed(9, state="paid"), 9, "pay_a is waiting: it cannot become paid"),
    ("sent anew without coming back", [*RIGHT[:10], payout("waiting")], 10, "is sending: it cannot become waiting"),
    ("paid without money", [*RIGHT[:12], *RIGHT[13:]], 15, "payouts say 0 minor units in flight and 7 paid"),
    ("money without a payout", [*RIGHT[:9], *RIGHT[10:11]], 9, "payouts say 0 minor units in flight and 0 paid"),
    ("another currency promised", changed(14, promise=terms(2, currency="USD")["promise"]), 14, "promised for good"),
    ("a rate of nothing", [terms(per_likes=0)], 0, "no positive number"),
]


@pytest.mark.parametrize(("leaves", "index", "reason"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_the_first_leaf_that_is_wrong_is_named(leaves: list[Leaf], index: int, reason: str):
    with pytest.raises(RejectedLeaf, match=reason) as wrong:
        replayed(leaves)
    assert wrong.value.index == index


def test_a_correction_takes_back_once_and_no_more_than_there_was():
    start = [terms(), transfer(1, "fund", 50), transfer(2, "fund", 20, corrects=1)]
    assert replayed(start).figures()["c"].funded_minor == 30
    with pytest.raises(RejectedLeaf, match="corrected before"):
        replayed([*start, transfer(3, "fund", 1, corrects=1)])
    with pytest.raises(RejectedLeaf, match="takes back 51 of a transfer of 50"):
        replayed([*start[:2], transfer(2, "fund", 51, corrects=1)])


def set_off(c: int, d: int) -> list[Leaf]:
    """Fifteen of thirty likes turn out fake once all was settled: `a` had 3, `b` 2 too much; `c` and `d` bear it."""
    later = terms(2, "2026-01-10", per_likes=1)
    later["promise"]["terms"]["beneficiaries"] = [{"charity": n, "share_bp": 5000} for n in "cd"]
    shares = [{"charity": n, "amount_minor": minor} for n, minor in (("c", c), ("d", d)) if minor]
    return [
        *RIGHT[:7],
        count("2026-01-01", 15, (4, 1), withdrawn=15),
        later,
        count("2026-01-11", 10, (7, 10)),
        transfer(7, "pledge", 5),
        *(transfer(8 + n, "settle", s["amount_minor"], charity=s["charity"]) for n, s in enumerate(shares)),
        {**settlement(2, "2026-01-12", 0, 0), "total_minor": c + d, "shares": shares},
    ]


def test_what_one_had_too_much_the_others_bear_evenly():
    assert replayed(set_off(3, 2)).figures()["c"].settled_minor == 15
    for c, d in ((2, 3), (5, 0), (0, 5), (4, 1)):
        with pytest.raises(RejectedLeaf, match="the shares cannot be"):
            replayed(set_off(c, d))


def test_a_cancelled_envelope_gives_back_what_the_next_one_takes():
    back = [
        payout("cancelled"),
        transfer(8, "settle", 7, corrects=3, charity="a"),
        transfer(9, "settle", 3, corrects=4, charity="b"),
        transfer(10, "settle", 7, charity="a"),
        transfer(11, "settle", 3, charity="b"),
        settlement(2, "2026-01-05", 7, 3),
    ]
    assert replayed([*RIGHT[:8], *back]).figures()["c"].settled_minor == 10


def test_a_floor_is_owed_once_the_campaign_is_closed():
    closed = {"kind": "note", "campaign": "c", "about": "closed", "closed_at": "2026-02-01T00:00:00Z", "text": "t"}
    start = [terms(floor_minor=40), transfer(1, "fund", 50)]
    assert replayed(start).figures()["c"].pledged_minor == 0
    with pytest.raises(RejectedLeaf, match="leaf 2: from here on c is to pledge 40"):
        replayed([*start, closed])
    assert replayed([*start, transfer(2, "pledge", 40), closed]).figures()["c"].pledged_minor == 40
    with pytest.raises(RejectedLeaf, match="41 minor units are pledged"):
        replayed([*start, transfer(2, "pledge", 41)])


BYTES: list[tuple[bytes, str]] = [
    (b"", "not JSON"),
    (b"[]", "no JSON object"),
    (b"{}", "no kind and version"),
    (b'{"kind":"count","v":2}', "no kind and version that is known: 'count', 2"),
    (b'{"kind":"count","v":true}', "v cannot be true|without"),
    (b'{"kind":["count"],"v":1}', "no kind and version"),
    (b'{"v":1,"kind":"note"}', "not canonical"),
    (b'{"kind": "note","v":1}', "not canonical"),
    (b'{"kind":"note","kind":"note","v":1}', "not canonical"),
    (b'{"a":1.5,"kind":"note","v":1}', "not JSON: 1.5 is no integer"),
    (b'{"a":9007199254740993,"kind":"note","v":1}', "a member that|without"),
    (b'{"a":NaN,"kind":"note","v":1}', "not JSON"),
    (b'{"a":"\xff"}', "not JSON"),
    (b'{"a":"\\ud800","kind":"note","v":1}', "not canonical|not JSON|surrogate"),
    (b"[" * 100_000, "not JSON"),
    (entry({**RIGHT[2], "more": 1}), "a member that a count leaf does not have: more"),
    (entry({**RIGHT[1], "amount_minor": 0}), "amount_minor cannot be 0"),
    (entry({**RIGHT[1], "amount_minor": "5"}), "amount_minor cannot be"),
    (entry({**RIGHT[1], "campaign": "C"}), "campaign cannot be"),
    (entry({**RIGHT[1], "step": "steal"}), "step cannot be"),
    (entry({**RIGHT[1], "transfer": "x"}), "no transfer's id"),
    (entry({**RIGHT[2], "days": [{"day": "2026-02-30", "counted": 1, "void": 0, "withdrawn": 0}]}), "days cannot be"),
    (entry({**RIGHT[2], "batches": [[0, 1, "0" * 64]]}), "batches cannot be"),
    (entry({**RIGHT[2], "batches": [[2**52, 1, "0" * 64]]}), "no number that a batch can have"),
]


@pytest.mark.parametrize(("raw", "reason"), BYTES, ids=range(len(BYTES)))
def test_bytes_that_are_no_leaf_are_refused(raw: bytes, reason: str):
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
    for (kind, version), shape in leaf_schemas.SCHEMAS.items():
        own = files[f"{kind}-{version}"]
        Draft202012Validator.check_schema(own)
        optional = leaf_schemas.OPTIONAL_MEMBERS.get((kind, version), frozenset())
        assert own["properties"].keys() == shape.keys()
        assert set(own["required"]) == shape.keys() - optional


def test_old_leaves_still_replay():
    """These bytes are what the first version wrote: whatever comes later must read them."""
    replay, kinds = Replay(), set()
    for line in OLD_LEAVES.read_bytes().splitlines():
        replay.add_leaf(line)
        leaf = json.loads(line)
        schema(leaf).validate(leaf)
        kinds.add(leaf["kind"])
    replay.require_balanced()
    assert kinds == {kind for kind, _ in leaf_schemas.SCHEMAS}
    assert replay.figures()["rural-education"].pledged_minor == 43
