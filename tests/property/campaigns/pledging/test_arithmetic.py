"""The amount due, and how it is pledged, reversed and split.

For any promise, any counts, any number of ticks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.pledging.arithmetic import due, shares_due
from campaigns.promise.terms import Share, Terms, terms_on_day, versions_in_force
from ledger.accounting.apportionment import apportion
from ledger.accounting.corrections import plan_reversals

MONDAY = date(2026, 11, 23)
MANY = settings(max_examples=100, deadline=None)
RATES = st.integers(1, 12) | st.sampled_from([10**12, 10**12 - 1, 999_983])
COUNTS = st.integers(0, 50) | st.integers(0, 10**9)


@st.composite
def shares(draw: st.DrawFn) -> tuple[Share, ...]:
    cuts = sorted(draw(st.sets(st.integers(1, 9_999), max_size=5)))
    parts = [end - start for start, end in zip([0, *cuts], [*cuts, 10_000], strict=True)]
    return tuple(Share(f"charity-{n}", part) for n, part in enumerate(parts))


@st.composite
def promises(draw: st.DrawFn) -> list[Terms]:
    starts = [0, *draw(st.lists(st.integers(0, 9), max_size=3))]
    return [
        Terms(
            number,
            MONDAY + timedelta(days=start),
            draw(RATES),
            draw(RATES),
            draw(st.none() | st.integers(0, 100) | st.integers(0, 10**15)),
            shares=draw(shares()),
        )
        for number, start in enumerate(starts, start=1)
    ]


COUNTED = st.dictionaries(st.integers(0, 9).map(lambda n: MONDAY + timedelta(days=n)), COUNTS, max_size=10)
BUDGETS = st.integers(0, 200) | st.integers(0, 2**53 - 1)
DAYS = st.integers(-1, 10).map(lambda n: MONDAY + timedelta(days=n))


@MANY
@given(promises(), COUNTED, BUDGETS, DAYS)
def test_never_more_is_due_than_the_budget_the_caps_or_the_rate(
    terms: list[Terms], counted: dict[date, int], funded_minor: int, upto: date
):
    in_force, most = versions_in_force(terms), Fraction()
    for day, likes in counted.items():
        version = terms_on_day(in_force, day)
        uncapped = Fraction(likes * version.amount_minor, version.per_likes)
        cap_minor = version.daily_cap_minor
        most += uncapped if cap_minor is None else min(uncapped, Fraction(cap_minor))
    assert 0 <= due(terms, counted, funded_minor, upto) <= min(funded_minor, most)
    assert due(terms, counted, 10**40) == most.numerator // most.denominator


@MANY
@given(promises(), COUNTED, BUDGETS, DAYS, DAYS, COUNTS)
def test_more_likes_more_days_or_more_budget_never_make_less_due(
    terms: list[Terms], counted: dict[date, int], funded_minor: int, upto: date, more_on: date, more: int
):
    before = due(terms, counted, funded_minor, upto)
    day = max(more_on, MONDAY)
    assert due(terms, {**counted, day: counted.get(day, 0) + more}, funded_minor, upto) >= before
    assert due(terms, counted, funded_minor + more, upto) >= before
    assert due(terms, counted, funded_minor, upto + timedelta(days=1)) >= before


@MANY
@given(promises(), COUNTED, BUDGETS, DAYS)
def test_shares_add_up_to_what_is_due_and_no_charity_drifts_by_a_unit(
    terms: list[Terms], counted: dict[date, int], funded_minor: int, upto: date
):
    totals = shares_due(terms, counted, funded_minor, upto)
    assert sum(totals.values()) == due(terms, counted, funded_minor, upto)
    exact: dict[str, Fraction] = {}
    in_force = versions_in_force(terms)
    for version, following in zip(in_force, [*in_force[1:], None], strict=True):
        last = upto if following is None else min(upto, following.from_day - timedelta(days=1))
        before = due(terms, counted, funded_minor, version.from_day - timedelta(days=1))
        part = max(0, due(terms, counted, funded_minor, last) - before)
        for share in version.shares:
            exact[share.charity] = exact.get(share.charity, Fraction()) + Fraction(part * share.share_bp, 10_000)
    assert all(abs(totals[charity] - amount) < len(in_force) for charity, amount in exact.items())


@MANY
@given(st.integers(0, 10**6) | st.integers(0, 2**53), shares())
def test_a_split_is_exact_and_each_part_within_a_unit_of_its_share(amount_minor: int, parties: tuple[Share, ...]):
    parts = apportion(amount_minor, [share.share_bp for share in parties])
    assert sum(parts) == amount_minor
    for part, share in zip(parts, parties, strict=True):
        assert abs(part - Fraction(amount_minor * share.share_bp, 10_000)) < 1


@dataclass
class Money:
    """A campaign's money after its ticks.

    `uncorrected` are the pledges that no correction names, newest last.
    """

    budget: int
    pledged: int = 0
    settled: int = 0
    uncorrected: list[int] = field(default_factory=list)

    def tick(self, due_minor: int) -> None:
        """Post the difference, as `campaigns.pledging` does."""
        difference = due_minor - self.pledged - self.settled
        if difference > 0:
            self._pledge(difference)
        elif difference < 0:
            plan, excess = plan_reversals(-difference, self.pledged, self.uncorrected[::-1])
            for position, amount in sorted(plan, reverse=True):
                assert 0 < amount <= self.uncorrected[-1 - position], (
                    "a correction takes at most the amount of the transfer that it names"
                )
                del self.uncorrected[-1 - position]
                self._move(-amount)
            if excess:
                self._pledge(excess)
        assert sum(self.uncorrected) >= self.pledged, "every amount that can be reversed needs a transfer to name"

    def settle(self, amount: int) -> None:
        self.pledged, self.settled = self.pledged - amount, self.settled + amount

    def _pledge(self, amount: int) -> None:
        self._move(amount)
        self.uncorrected.append(amount)

    def _move(self, amount: int) -> None:
        self.budget, self.pledged = self.budget - amount, self.pledged + amount
        assert min(self.budget, self.pledged) >= 0


def after_ticks(budget: int, dues: Sequence[int], settlements: Sequence[int] = ()) -> Money:
    money = Money(budget)
    for n, due_minor in enumerate(dues):
        money.tick(due_minor)
        if n < len(settlements):
            money.settle(min(settlements[n], money.pledged))
    return money


DUES = st.lists(st.integers(0, 300), min_size=1, max_size=15)


@MANY
@given(DUES, st.data())
def test_any_number_of_ticks_leaves_the_same_pledge(dues: list[int], data: st.DataObject):
    missed = data.draw(st.sets(st.integers(0, len(dues) - 1)))
    some = [due_minor for n, due_minor in enumerate(dues[:-1]) if n not in missed] + dues[-1:]
    after_all, after_some, after_last = (after_ticks(300, run) for run in (dues, some, dues[-1:]))
    assert after_all.pledged == after_some.pledged == after_last.pledged == dues[-1]
    assert after_ticks(300, [*dues, dues[-1]]) == after_all, "a tick that is repeated posts nothing"


@MANY
@given(DUES, st.lists(st.integers(0, 300), max_size=15))
def test_an_excess_settlement_is_deducted_from_later_earnings(dues: list[int], settlements: list[int]):
    money = after_ticks(300, [*dues, dues[-1]], settlements)
    settled_before = after_ticks(300, dues, settlements).settled
    assert money.pledged + money.settled == max(dues[-1], settled_before)
    assert money.budget + money.pledged + money.settled == 300


@MANY
@given(st.integers(0, 100), st.integers(0, 100), st.lists(st.integers(1, 50), max_size=8))
def test_a_reversal_never_exceeds_the_request_or_the_balance(amount: int, balance: int, uncorrected: list[int]):
    plan, excess = plan_reversals(amount, balance, uncorrected)
    reversed_minor = sum(part.amount_minor for part in plan) - excess
    assert reversed_minor == min(amount, balance, sum(uncorrected))
    assert excess >= 0
    assert [part.position for part in plan] == list(range(len(plan))), "newest first, none left out"
    assert all(0 < part.amount_minor <= uncorrected[part.position] for part in plan)
