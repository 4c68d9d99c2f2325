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


def stored_like(verdict=None, *, day=DAY, suspect=False, families=("device",), rules=("device.crowd",)) -> StoredLike:
    return StoredLike(day, verdict, suspect, families if verdict else (), rules if verdict else (), 2)


def judgement(*, is_found: bool) -> Judgement:
    verdicts = (Verdict(KEY[0], KEY[1], DAY.toordinal(), *DEVICE),) if is_found else ()
    return Judgement(1, verdicts, (), (), (), ())


@pytest.mark.parametrize(
    ("is_found", "like", "seen", "expected"),
    [
        (True, stored_like(), True, "hold"),
        (True, stored_like(CLEARED), True, "hold"),
        (True, stored_like(HELD), True, ""),
        (True, stored_like(HELD, families=("pace",)), True, "hold"),
        (True, stored_like(RELEASED), True, ""),
        (True, stored_like(VOID), True, ""),
        (True, stored_like(day=LATE), True, "late"),
        (True, stored_like(HELD, day=LATE), True, ""),
        (True, stored_like(VOID, day=LATE), True, ""),
        (True, stored_like(day=None), True, ""),
        (False, stored_like(), True, ""),
        (False, stored_like(HELD), True, "clear"),
        (False, stored_like(suspect=True), True, "clear"),
        (False, stored_like(CLEARED, suspect=True), True, ""),
        (False, stored_like(HELD), False, ""),  # its observation expired
        (False, stored_like(HELD, day=LATE), True, ""),
        (False, stored_like(RELEASED), True, ""),
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
    assert plan_holds(judgement(is_found=True), {KEY: stored_like(HELD)}, SETTLED, only_new=True) == []
    [change] = plan_holds(judgement(is_found=True), {KEY: stored_like(CLEARED)}, SETTLED, only_new=True)
    assert (change.verdict, change.families, change.rules) == (HELD, *DEVICE)


def test_a_suspected_like_is_cleared_with_the_family_that_found_it():
    finding = Finding("unwatched.new", "missing", (), (), (), (KEY,))
    cleared = judgement(is_found=False)._replace(findings=(finding,))
    plan = plan_verdicts(cleared, {KEY: stored_like(suspect=True)}, {KEY}, SETTLED, device_rules())
    assert plan.clears[0].families == ("missing",)
