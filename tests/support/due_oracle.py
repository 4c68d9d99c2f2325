"""Worked cases of the arithmetic (design, section 4).

Generated, and worked out here once more from the formulas. The oracle shares no code with the
engine: it knows days, counts and fractions only. If other cases in the same form stand beside the
repository (`DUE_VECTORS`, or `../shared/data/due-vectors.json`), the tests read these too.
"""

import json
import os
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

Case = dict[str, Any]  # {"terms": [...], "counted": {day: likes}, "funded_minor": n, "expect": [...]}

GENERATED_CASES = 200
OUTSIDE_FILE = Path(
    os.environ.get("DUE_VECTORS", Path(__file__).resolve().parents[3] / "shared" / "data" / "due-vectors.json")
)
FIRST_DAY = date(2026, 8, 1)
DAYS = 30
WHOLE_BP = 10_000
COUNTS = (0, 0, 1, 2, 3, 99, 100, 1_000, 12_345, 1_000_000)
AMOUNTS = (1, 1, 2, 7, 100, 999_983, 10**12)
CAPS = (None, None, 0, 1, 33, 500, 10**9)
BUDGETS = (0, 1, 99, 5_000, 10**6, 10**12, 2**53 - 1)


def worked_cases() -> list[Any]:
    """Return every case as a pytest parameter; a missing outside file is a skip that names it."""
    cases = [pytest.param(case, id=f"generated-{number}") for number, case in enumerate(generated_cases())]
    if not OUTSIDE_FILE.is_file():
        reason = f"THE OUTSIDE CASES ARE MISSING: set DUE_VECTORS, there is no {OUTSIDE_FILE.name} beside"
        return [*cases, pytest.param({}, id="outside", marks=pytest.mark.skip(reason=reason))]
    outside = json.loads(OUTSIDE_FILE.read_text(encoding="utf-8"))
    return [*cases, *(pytest.param(case, id=f"outside-{number}") for number, case in enumerate(outside))]


def generated_cases() -> list[Case]:
    """Return the generated cases: the same in every run."""
    return [_generate(Random(number)) for number in range(GENERATED_CASES)]


def _generate(random: Random) -> Case:
    later = sorted(random.randrange(DAYS) for _ in range(random.randrange(4)))
    terms = [_generate_terms(random, FIRST_DAY + timedelta(days=offset)) for offset in (0, *later)]
    days = sorted(random.sample(range(DAYS), random.randrange(1, DAYS)))
    counted = {(FIRST_DAY + timedelta(days=offset)).isoformat(): _generate_count(random) for offset in days}
    case = {"terms": terms, "counted": counted, "funded_minor": random.choice(BUDGETS)}
    if random.random() < 0.3:  # a budget that the likes use up about now
        case["funded_minor"] = max(0, due_minor(case | {"funded_minor": 10**30}, date.max) - random.randrange(3))
    cut_offs = sorted(FIRST_DAY + timedelta(days=random.randrange(-1, DAYS + 1)) for _ in range(3))
    return case | {"expect": [_expect(case, cut_off) for cut_off in cut_offs]}


def _generate_terms(random: Random, from_day: date) -> Case:
    cuts = sorted(random.sample(range(1, WHOLE_BP), random.randrange(5)))
    if random.random() < 0.3:
        cuts = [WHOLE_BP // 2]  # equal shares: ties of remainders
    shares = [end - start for start, end in zip([0, *cuts], [*cuts, WHOLE_BP], strict=True)]
    return {
        "from_day": from_day.isoformat(),
        "rate": {"amount_minor": random.choice(AMOUNTS), "per_likes": random.choice((1, 2, 3, 7, 10, 10**12 - 1))},
        "daily_cap_minor": random.choice(CAPS),
        "beneficiaries": [{"charity": f"charity-{n}", "share_bp": share_bp} for n, share_bp in enumerate(shares)],
    }


def _generate_count(random: Random) -> int:
    return random.choice(COUNTS) if random.random() < 0.8 else random.randrange(10**7)


def _expect(case: Case, cut_off: date) -> Case:
    return {
        "cut_off": cut_off.isoformat(),
        "due_minor": due_minor(case, cut_off),
        "shares_minor": shares_minor(case, cut_off),
    }


def due_minor(case: Case, upto: date) -> int:
    """Return min(funded, floor(Σ earned(day) for day ≤ upto)), in minor units."""
    earned = [
        earned_minor(terms_of_day(case, date.fromisoformat(day)), likes)
        for day, likes in case["counted"].items()
        if date.fromisoformat(day) <= upto
    ]
    return int(min(case["funded_minor"], sum(earned, Fraction()) // 1))


def earned_minor(terms: Case, likes: int) -> Fraction:
    """Return min(daily cap, likes × amount / per likes), in minor units."""
    uncapped = Fraction(likes * terms["rate"]["amount_minor"], terms["rate"]["per_likes"])
    return uncapped if terms["daily_cap_minor"] is None else min(uncapped, Fraction(terms["daily_cap_minor"]))


def terms_of_day(case: Case, day: date) -> Case:
    """Return the newest version among those that start last, on or before the day."""
    started: list[Case] = [terms for terms in case["terms"] if date.fromisoformat(terms["from_day"]) <= day]
    newest_day = max(terms["from_day"] for terms in started)
    return [terms for terms in started if terms["from_day"] == newest_day][-1]


def shares_minor(case: Case, cut_off: date) -> dict[str, int]:
    """Return each charity's part.

    The total of each version in force is split by largest remainder.
    """
    totals = {b["charity"]: 0 for terms in case["terms"] for b in terms["beneficiaries"]}
    starts = sorted({date.fromisoformat(terms["from_day"]) for terms in case["terms"]})
    for start, following in zip(starts, [*starts[1:], date.max], strict=True):
        if start > cut_off:
            continue
        last_day = min(cut_off, following - timedelta(days=1))
        version_total = due_minor(case, last_day) - due_minor(case, start - timedelta(days=1))
        beneficiaries = terms_of_day(case, start)["beneficiaries"]
        for beneficiary, part in zip(beneficiaries, split(version_total, beneficiaries), strict=True):
            totals[beneficiary["charity"]] += part
    return totals


def split(total_minor: int, beneficiaries: list[Case]) -> list[int]:
    """Return the parts by largest remainder; a tie goes to the beneficiary listed first."""
    exact = [Fraction(total_minor * beneficiary["share_bp"], WHOLE_BP) for beneficiary in beneficiaries]
    parts = [int(amount // 1) for amount in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: (parts[index] - exact[index], index))
    for index in by_remainder[: total_minor - sum(parts)]:
        parts[index] += 1
    return parts
