"""The engine's and the verifier's arithmetic (design, section 4) agree."""

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


def to_verifier_terms(terms: Terms) -> TermsVersion:
    parts = tuple((share.charity, share.share_bp) for share in terms.shares)
    return TermsVersion(
        terms.version, terms.from_day.isoformat(), terms.amount_minor, terms.per_likes, terms.daily_cap_minor, parts
    )


@given(versions(), counts, st.integers(0, 10**12), st.integers(0, 40), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_both_agree(
    terms_versions: list[Terms], days: list[tuple[int, int]], funded: int, cut: int, generator
) -> None:
    earnings, counted = CampaignEarnings(), dict[date, int]()
    pending = [to_verifier_terms(terms) for terms in terms_versions]
    earnings.add_terms(pending.pop(0))
    for offset, likes in days:  # terms may come before or after a day is counted; the result uses the latest state
        if pending and generator.random() < 0.3:
            earnings.add_terms(pending.pop(0))
        counted[FIRST + timedelta(days=offset)] = likes
        earnings.set_day_likes((FIRST + timedelta(days=offset)).isoformat(), likes)
    for version in pending:
        earnings.add_terms(version)
    cut_off = FIRST + timedelta(days=cut - 5)
    after_cut_off = (cut_off + timedelta(days=1)).isoformat()
    assert earnings.due_minor(funded) == due(terms_versions, counted, funded)
    assert earnings.due_before_minor(after_cut_off, funded) == due(terms_versions, counted, funded, cut_off)
    for topped_up in (0, generator.randrange(1, 10**6)):
        assert earnings.shares_due(after_cut_off, funded, topped_up) == shares_due(
            terms_versions, counted, funded, cut_off, topped_up
        )


@pytest.mark.parametrize("case", worked_cases())
def test_the_worked_cases(case) -> None:
    earnings = CampaignEarnings()
    for number, terms in enumerate(case["terms"], 1):
        parts = tuple((b["charity"], b["share_bp"]) for b in terms["beneficiaries"])
        rate = terms["rate"]["amount_minor"], terms["rate"]["per_likes"]
        earnings.add_terms(TermsVersion(number, terms["from_day"], *rate, terms["daily_cap_minor"], parts))
    for day, likes in case["counted"].items():
        earnings.set_day_likes(day, likes)
    for expected in case["expect"]:
        after_cut_off = (date.fromisoformat(expected["cut_off"]) + timedelta(days=1)).isoformat()
        assert earnings.due_before_minor(after_cut_off, case["funded_minor"]) == expected["due_minor"]
        shares = {
            charity: minor
            for charity, minor in earnings.shares_due(after_cut_off, case["funded_minor"]).items()
            if minor
        }
        assert shares == {charity: minor for charity, minor in expected["shares_minor"].items() if minor}
