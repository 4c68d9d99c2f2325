"""Which verdicts a closing pass changes: only those of rules, of days that no settlement took."""

from datetime import date

import pytest

from campaigns.authenticity.engine import Finding, Judgement, Verdict
from campaigns.intake.like_state import LikeVerdict
from campaigns.judging.verdict_plan import StoredLike, plan_holds, plan_verdicts
from judged_likes import device_rules

KEY = (b"p" * 16, "c")
SETTLED, DAY, LATE = date(2026, 11, 5), date(2026, 11, 6), date(2026, 11, 5)
HELD, CLEARED, RELEASED, VOID = LikeVerdict
DEVICE = ("device",), ("device.crowd",)


def stored(verdict=None, *, day=DAY, suspect=False, families=("device",), rules=("device.crowd",)) -> StoredLike:
    return StoredLike(day, verdict, suspect, families if verdict else (), rules if verdict else (), 2)


def judgement(*, is_found: bool) -> Judgement:
    verdicts = (Verdict(KEY[0], KEY[1], DAY.toordinal(), *DEVICE),) if is_found else ()
    return Judgement(1, verdicts, (), (), ())


@pytest.mark.parametrize(
    ("is_found", "like", "seen", "expected"),
    [
        (True, stored(), True, "hold"),
        (True, stored(CLEARED), True, "hold"),
        (True, stored(HELD), True, ""),
        (True, stored(HELD, families=("pace",)), True, "hold"),
        (True, stored(RELEASED), True, ""),
        (True, stored(VOID), True, ""),
        (True, stored(day=LATE), True, "late"),
        (True, stored(HELD, day=LATE), True, ""),
        (True, stored(VOID, day=LATE), True, ""),
        (True, stored(day=None), True, ""),
        (False, stored(), True, ""),
        (False, stored(HELD), True, "clear"),
        (False, stored(suspect=True), True, "clear"),
        (False, stored(CLEARED, suspect=True), True, ""),
        (False, stored(HELD), False, ""),  # its observation expired
        (False, stored(HELD, day=LATE), True, ""),
        (False, stored(RELEASED), True, ""),
    ],
)
def test_a_like_is_held_cleared_or_left(is_found, like, seen, expected):
    plan = plan_verdicts(judgement(is_found=is_found), {KEY: like}, {KEY} if seen else (), SETTLED, device_rules())
    names = {"hold": plan.holds, "clear": plan.clears, "late": plan.late_likes}
    assert [name for name, changes in names.items() if changes] == ([expected] if expected else [])


def test_a_like_that_is_not_stored_is_left_out():
    plan = plan_verdicts(judgement(is_found=True), {}, (), SETTLED, device_rules())
    assert plan == ([], [], [])


def test_an_interim_pass_leaves_out_what_is_held():
    assert plan_holds(judgement(is_found=True), {KEY: stored(HELD)}, SETTLED, only_new=True) == []
    [change] = plan_holds(judgement(is_found=True), {KEY: stored(CLEARED)}, SETTLED, only_new=True)
    assert (change.verdict, change.families, change.rules) == (HELD, *DEVICE)


def test_a_suspected_like_is_cleared_with_the_family_that_found_it():
    finding = Finding("unwatched.new", "missing", (), (), (), (KEY,))
    found = judgement(is_found=False)._replace(findings=(finding,))
    plan = plan_verdicts(found, {KEY: stored(suspect=True)}, {KEY}, SETTLED, device_rules())
    assert plan.clears[0].families == ("missing",)
