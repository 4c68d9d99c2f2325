"""Settlement shares: in any history of likes, voids and terms, none exceeds the amount due."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.pledging.arithmetic import due, shares_due
from campaigns.promise.terms import Share, Terms
from ledger.log.verify.settlements import amounts_to_settle
from ledger.settlements.periods import Period
from ledger.settlements.settle import AmountsDue, CharityBalance, apportion_shares, deduct_evenly

MONDAY = date(2026, 11, 23)
CHARITIES = ("schools", "libraries", "clinics")
DAYS = 6


@st.composite
def some_terms(draw: st.DrawFn) -> list[Terms]:
    """Draw versions of terms, each from its own day."""
    first_days = [0, *draw(st.lists(st.integers(1, DAYS - 1), max_size=2, unique=True).map(sorted))]
    versions = []
    for number, day in enumerate(first_days, 1):
        charities = draw(st.lists(st.sampled_from(CHARITIES), min_size=1, max_size=3, unique=True))
        cuts = sorted(
            draw(
                st.lists(st.integers(1, 9_999), min_size=len(charities) - 1, max_size=len(charities) - 1, unique=True)
            )
        )
        bounds = [0, *cuts, 10_000]
        split = tuple(Share(c, b - a) for c, a, b in zip(charities, bounds[:-1], bounds[1:], strict=True))
        rate = draw(st.integers(1, 9)), draw(st.integers(1, 9))
        cap = draw(st.none() | st.integers(0, 40))
        versions.append(Terms(number, MONDAY + timedelta(days=day), *rate, cap, shares=split))
    return versions


COUNTS = st.lists(st.integers(0, 60), min_size=DAYS, max_size=DAYS)


def counts_by_day(likes: list[int]) -> dict[date, int]:
    return {MONDAY + timedelta(days=n): number for n, number in enumerate(likes)}


def settle(terms: list[Terms], likes: list[int], funded: int, upto: int, had: dict[str, int]) -> dict[str, int]:
    """Return the shares of a settlement at the end of a day, after earlier settlements."""
    period = Period(MONDAY + timedelta(days=upto), MONDAY + timedelta(days=upto))
    totals = shares_due(terms, counts_by_day(likes), funded, period.cut_off)
    amounts_due = AmountsDue("c", "CNY", period, totals, {}, 0)
    shares = apportion_shares(amounts_due, {charity: CharityBalance(minor, 0) for charity, minor in had.items()})
    return {share.charity: share.share_minor for share in shares}


@given(
    some_terms(),
    st.lists(COUNTS, min_size=1, max_size=4),
    st.lists(st.integers(0, DAYS - 1), min_size=4, max_size=4),
    st.integers(0, 300),
)
@settings(max_examples=150, deadline=None)
def test_settlements_never_take_more_than_is_due_and_always_all_of_it(
    terms: list[Terms], histories: list[list[int]], cuts: list[int], funded: int
):
    had: dict[str, int] = {}
    for likes, upto in zip(histories, sorted(cuts), strict=False):
        due_minor = due(terms, counts_by_day(likes), funded, MONDAY + timedelta(days=upto))
        before_minor = sum(had.values())
        taken = settle(terms, likes, funded, upto, had)
        due_by_charity = shares_due(terms, counts_by_day(likes), funded, MONDAY + timedelta(days=upto))
        verified = {charity: minor for charity, minor in amounts_to_settle(had, due_by_charity).items() if minor}
        assert taken == verified, "the verifier computes other amounts"
        assert all(minor >= 0 for minor in taken.values())
        assert sum(taken.values()) == max(0, due_minor - before_minor)
        had = {c: had.get(c, 0) + taken.get(c, 0) for c in {*had, *taken}}
        assert settle(terms, likes, funded, upto, had) == {}


@given(some_terms(), COUNTS, st.lists(st.integers(0, DAYS - 1), max_size=5), st.integers(0, 2_000))
@settings(max_examples=150, deadline=None)
def test_with_any_periods_every_charity_is_within_a_unit_of_its_total(
    terms: list[Terms], likes: list[int], cuts: list[int], funded: int
):
    had: dict[str, int] = {}
    for upto in [*sorted(cuts), DAYS - 1]:
        taken = settle(terms, likes, funded, upto, had)
        had = {c: had.get(c, 0) + taken.get(c, 0) for c in {*had, *taken}}
        running = shares_due(terms, counts_by_day(likes), funded, MONDAY + timedelta(days=upto))
        assert all(abs(had.get(c, 0) - running.get(c, 0)) <= 1 for c in {*had, *running})
        assert sum(had.values()) == sum(running.values())


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 10**15), max_size=8), st.integers(0, 10**15))
def test_an_excess_is_deducted_exactly_and_never_below_zero(parts: dict[str, int], excess: int):
    excess = min(excess, sum(parts.values()))
    reduced = deduct_evenly(parts, excess)
    assert sum(reduced.values()) == sum(parts.values()) - excess
    assert all(0 <= reduced[name] <= minor for name, minor in parts.items())
