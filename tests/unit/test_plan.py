"""What applying a promise would do: decided from the campaign, the promise and the time alone."""

from datetime import UTC, date, datetime, timedelta

import pytest

from campaigns.promise import Promise
from campaigns.promising import Action, plan
from campaigns.refusals import Closed, PromiseRefused
from promises import NOW, campaign, promise

OTHER_RATE = ("per_likes = 3", "per_likes = 2")


def shanghai(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """Return a moment of November 2026 in the campaign's time zone; day 0 is the last of October."""
    return datetime(2026, 10, 30, 16, tzinfo=UTC) + timedelta(days=day, hours=hour, minutes=minute, seconds=second)


def test_a_new_promise_makes_a_campaign_from_its_first_day():
    made = plan(None, promise(), NOW)
    assert (made.action, made.version, made.from_day) == (Action.CREATE, 1, date(2026, 11, 1))
    assert made.changes[0].path == "campaign.slug"


@pytest.mark.parametrize(
    "again",
    [
        promise(),
        promise(("2026-11-01T00:00:00+08:00", "2026-10-31T16:00:00Z")),
        promise(("late_days = 36500", 'late_days = 36500\nunlike = "withdraw"')),
    ],
    ids=["as it was", "the same moment in another offset", "a default written out"],
)
def test_the_same_promise_changes_nothing(again: Promise):
    made = plan(campaign(promise()), again, NOW)
    assert (made.action, made.version, made.from_day, made.changes) == (Action.NOTHING, 1, date(2026, 11, 1), [])


@pytest.mark.parametrize(
    ("now", "from_day"),
    [
        (shanghai(-30), 1),  # not begun: from the first day
        (shanghai(0, 23, 54, 59), 1),
        (shanghai(0, 23, 55), 2),  # a like of the first day may have come: it is five minutes ahead
        (shanghai(10, 12), 11),
        (shanghai(10, 23, 54, 59), 11),
        (shanghai(10, 23, 55), 12),
        (shanghai(29, 23, 54, 59), 30),  # the last day
    ],
)
def test_new_terms_hold_from_the_first_day_that_no_like_can_have(now: datetime, from_day: int):
    made = plan(campaign(promise()), promise(OTHER_RATE), now)
    assert (made.action, made.version, made.from_day) == (Action.NEW_TERMS, 2, date(2026, 11, from_day))
    assert [str(change) for change in made.changes] == ["terms.rate.per_likes: 3 → 2"]


@pytest.mark.parametrize("now", [shanghai(29, 23, 55), shanghai(31), shanghai(400)])
def test_terms_that_would_hold_after_the_end_are_refused(now: datetime):
    with pytest.raises(PromiseRefused, match="terms: new terms would hold from"):
        plan(campaign(promise()), promise(OTHER_RATE), now)


def test_terms_may_go_back_to_what_they_were():
    changed = campaign(promise(), promise(OTHER_RATE), from_days=[date(2026, 11, 11)])
    made = plan(changed, promise(), shanghai(15))
    assert (made.action, made.version, made.from_day) == (Action.NEW_TERMS, 3, date(2026, 11, 16))


def test_a_clock_set_back_does_not_put_newer_terms_before_older_ones():
    changed = campaign(promise(), promise(OTHER_RATE), from_days=[date(2026, 11, 21)])
    made = plan(changed, promise(("per_likes = 3", "per_likes = 4")), shanghai(10))
    assert (made.version, made.from_day) == (3, date(2026, 11, 21))


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("floor_minor = 0", "floor_minor = 1", "campaign.floor_minor"),
        ("2026-12-01", "2026-12-02", "campaign.ends_at"),
        ('"open"', '"registered"', "campaign.content"),
        ('"CNY"', '"JPY"', "campaign.currency"),
        ("[terms]", "[settlement]\nautomatic = false\n[terms]", "settlement.automatic"),
        ("[terms]", f'[agreement]\nurl = "https://a"\nsha256 = "{"0" * 64}"\n[terms]', "agreement.url"),
    ],
)
def test_what_is_fixed_cannot_change(old: str, new: str, path: str):
    with pytest.raises(PromiseRefused) as refusal:
        plan(campaign(promise()), promise(OTHER_RATE, (old, new)), NOW)
    assert refusal.value.faults[0].path == path
    assert "cannot change once the campaign exists" in refusal.value.faults[0].reason


def test_a_closed_campaign_takes_nothing():
    with pytest.raises(Closed, match="rural-education is closed"):
        plan(campaign(promise(), closed_at=NOW), promise(OTHER_RATE), NOW)
