"""Two implementations of section 4 of the design, the engine's and the verifier's: they agree on everything."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.pledging.arithmetic import due, shares_due
from campaigns.promise.terms import Share, Terms
from due_oracle import worked_cases
from ledger.log.verify.arithmetic import CampaignEarnings, TermsVersion

FIRST = date(2026, 1, 1)


@st.composite
def shares(draw: st.DrawFn) -> tuple[Share, ...]:
    cuts = sorted(draw(st.sets(st.integers(1, 9_999), max_size=4)))
    parts = [end - start for start, end in zip([0, *cuts], [*cuts, 10_000], strict=True)]
    return tuple(Share(f"c{n}", bp) for n, bp in enumerate(parts))


@st.composite
def versions(draw: st.DrawFn) -> list[Terms]:
    later = draw(st.lists(st.integers(0, 25), max_size=4))
    days = [FIRST, *sorted(FIRST + timedelta(days=n) for n in later)]
    return [
        Terms(
            number,
            day,
            draw(st.integers(1, 10**4)),
            draw(st.integers(1, 10**4)),
            draw(st.none() | st.integers(1, 10**6)),
            None,
            draw(shares()),
        )
        for number, day in enumerate(days, 1)
    ]


counts = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10**7)), max_size=20)


def told(terms: Terms) -> TermsVersion:
    parts = tuple((share.charity, share.share_bp) for share in terms.shares)
    return TermsVersion(
        terms.version, terms.from_day.isoformat(), terms.amount_minor, terms.per_likes, terms.daily_cap_minor, parts
    )


@given(versions(), counts, st.integers(0, 10**12), st.integers(0, 40), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_both_find_the_same(held: list[Terms], days: list[tuple[int, int]], funded: int, cut: int, chance) -> None:
    own, counted = CampaignEarnings(), dict[date, int]()
    waiting = [told(terms) for terms in held]
    own.add_terms(waiting.pop(0))
    for offset, likes in days:  # terms may come before or after a day was counted: a reckoning is of what stands now
        if waiting and chance.random() < 0.3:
            own.add_terms(waiting.pop(0))
        counted[FIRST + timedelta(days=offset)] = likes
        own.set_day_likes((FIRST + timedelta(days=offset)).isoformat(), likes)
    for version in waiting:
        own.add_terms(version)
    upto = FIRST + timedelta(days=cut - 5)
    after = (upto + timedelta(days=1)).isoformat()
    assert own.due_minor(funded) == due(held, counted, funded)
    assert own.due_before_minor(after, funded) == due(held, counted, funded, upto)
    for topped_up in (0, chance.randrange(1, 10**6)):
        assert own.shares_due(after, funded, topped_up) == shares_due(held, counted, funded, upto, topped_up)


@pytest.mark.parametrize("case", worked_cases())
def test_it_finds_what_the_worked_cases_say(case) -> None:
    own = CampaignEarnings()
    for number, terms in enumerate(case["terms"], 1):
        parts = tuple((b["charity"], b["share_bp"]) for b in terms["beneficiaries"])
        rate = terms["rate"]["amount_minor"], terms["rate"]["per_likes"]
        own.add_terms(TermsVersion(number, terms["from_day"], *rate, terms["daily_cap_minor"], parts))
    for day, likes in case["counted"].items():
        own.set_day_likes(day, likes)
    for expected in case["expect"]:
        after = (date.fromisoformat(expected["cut_off"]) + timedelta(days=1)).isoformat()
        assert own.due_before_minor(after, case["funded_minor"]) == expected["due_minor"]
        found = {charity: minor for charity, minor in own.shares_due(after, case["funded_minor"]).items() if minor}
        assert found == {charity: minor for charity, minor in expected["shares_minor"].items() if minor}
