"""The plan of a promise: decided from the campaign, the promise and the time alone."""

from datetime import UTC, date, datetime, timedelta

import pytest

from campaigns.catalogue.apply_promise import PromiseAction, plan_promise
from campaigns.errors import CampaignClosed, FieldError, PromiseRefused
from campaigns.promise.diff import FieldChange
from campaigns.promise.model import Promise
from promises import NOW, campaign, promise

OTHER_RATE = ("per_likes = 3", "per_likes = 2")


def shanghai(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """Return a moment of November 2026 in the campaign's time zone; day 0 is 31 October."""
    return datetime(2026, 10, 30, 16, tzinfo=UTC) + timedelta(days=day, hours=hour, minutes=minute, seconds=second)


def test_a_new_promise_makes_a_campaign_from_its_first_day():
    plan = plan_promise(None, promise(), NOW)
    assert (plan.action, plan.version, plan.from_day) == (PromiseAction.CREATE, 1, date(2026, 11, 1))
    assert plan.changes[0].path == "campaign.slug"


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
    plan = plan_promise(campaign(promise()), again, NOW)
    assert (plan.action, plan.version, plan.from_day, plan.changes) == (
        PromiseAction.NOTHING,
        1,
        date(2026, 11, 1),
        [],
    )


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
    plan = plan_promise(campaign(promise()), promise(OTHER_RATE), now)
    assert (plan.action, plan.version, plan.from_day) == (PromiseAction.NEW_TERMS, 2, date(2026, 11, from_day))
    assert plan.changes == [FieldChange("terms.rate.per_likes", 3, 2)]


@pytest.mark.parametrize("now", [shanghai(29, 23, 55), shanghai(31), shanghai(400)])
def test_terms_that_would_hold_after_the_end_are_refused(now: datetime):
    with pytest.raises(PromiseRefused, match=r"^terms: terms_after_last_day: "):
        plan_promise(campaign(promise()), promise(OTHER_RATE), now)


def test_terms_may_go_back_to_what_they_were():
    changed = campaign(promise(), promise(OTHER_RATE), from_days=[date(2026, 11, 11)])
    plan = plan_promise(changed, promise(), shanghai(15))
    assert (plan.action, plan.version, plan.from_day) == (PromiseAction.NEW_TERMS, 3, date(2026, 11, 16))


def test_a_clock_set_back_does_not_put_newer_terms_before_older_ones():
    changed = campaign(promise(), promise(OTHER_RATE), from_days=[date(2026, 11, 21)])
    plan = plan_promise(changed, promise(("per_likes = 3", "per_likes = 4")), shanghai(10))
    assert (plan.version, plan.from_day) == (3, date(2026, 11, 21))


AGREEMENT = f'[agreement]\nurl = "https://a"\nsha256 = "{"0" * 64}"\n[terms]'
END = "2026-12-01T00:00:00+08:00"


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (
            "floor_minor = 0",
            "floor_minor = 1",
            FieldError(
                "campaign.floor_minor",
                "immutable_amount",
                {
                    "before_minor": 0,
                    "after_minor": 1,
                    "before_currency": "CNY",
                    "after_currency": "CNY",
                },
            ),
        ),
        (
            "ends_at = 2026-12-01",
            "ends_at = 2026-12-02",
            FieldError(
                "campaign.ends_at",
                "immutable_value",
                {"before": END, "after": "2026-12-02T00:00:00+08:00"},
            ),
        ),
        (
            'content = "open"',
            'content = "registered"',
            FieldError("campaign.content", "immutable_value", {"before": "open", "after": "registered"}),
        ),
        (
            '"CNY"',
            '"JPY"',
            FieldError("campaign.currency", "immutable_value", {"before": "CNY", "after": "JPY"}),
        ),
        (
            "late_days = 36500",
            "late_days = 0",
            FieldError("campaign.late_days", "immutable_value", {"before": 36500, "after": 0}),
        ),
        (
            "[terms]",
            "[settlement]\nautomatic = false\n[terms]",
            FieldError("settlement.automatic", "immutable_value", {"before": "true", "after": "false"}),
        ),
        (
            "[terms]",
            AGREEMENT,
            FieldError("agreement.url", "immutable_value_added", {"after": "https://a"}),
        ),
    ],
)
def test_a_fixed_value_cannot_change(old: str, new: str, error: FieldError):
    with pytest.raises(PromiseRefused) as refusal:
        plan_promise(campaign(promise()), promise(OTHER_RATE, (old, new)), NOW)
    assert refusal.value.field_errors[0] == error


def test_a_fixed_value_cannot_be_left_out():
    with pytest.raises(PromiseRefused) as refusal:
        plan_promise(campaign(promise(("[terms]", AGREEMENT))), promise(), NOW)
    assert refusal.value.field_errors[0] == FieldError(
        "agreement.url", "immutable_value_missing", {"before": "https://a"}
    )


@pytest.mark.parametrize(
    ("requested", "code"),
    [(date(2026, 11, 10), "from_day_out_of_range"), (date(2026, 12, 1), "from_day_out_of_range")],
)
def test_new_terms_start_on_a_day_that_is_possible(requested: date, code: str):
    with pytest.raises(PromiseRefused) as refusal:
        plan_promise(campaign(promise()), promise(OTHER_RATE), NOW, requested)
    days = {
        "requested_day": requested,
        "earliest_day": date(2026, 11, 11),
        "last_day": date(2026, 11, 30),
    }
    assert refusal.value.field_errors == (FieldError("from_day", code, days),)


def test_the_first_terms_start_on_the_first_day():
    with pytest.raises(PromiseRefused) as refusal:
        plan_promise(None, promise(), NOW, date(2026, 11, 2))
    day = {"day": date(2026, 11, 1)}
    assert refusal.value.field_errors == (FieldError("from_day", "first_terms_start_first_day", day),)


def test_terms_in_force_cannot_start_earlier():
    changed = campaign(promise(), promise(OTHER_RATE), from_days=[date(2026, 11, 11)])
    with pytest.raises(PromiseRefused) as refusal:
        plan_promise(changed, promise(OTHER_RATE), shanghai(15), date(2026, 11, 10))
    day = {"day": date(2026, 11, 11)}
    assert refusal.value.field_errors == (FieldError("from_day", "terms_already_in_force", day),)


def test_a_closed_campaign_takes_nothing():
    with pytest.raises(CampaignClosed, match=r"^campaign_closed: slug=rural-education$"):
        plan_promise(campaign(promise(), closed_at=NOW), promise(OTHER_RATE), NOW)
