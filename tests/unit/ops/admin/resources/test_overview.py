"""The overview names what is open; nothing of it may look as if it were done."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.settlements.payout_steps import PayoutState
from ops.admin.resources.overview import OpenMatter, list_open_matters


def snapshot(*states: PayoutState, pledged_minor: int = 0, quarantined: int = 0) -> Any:
    payouts = [SimpleNamespace(state=state) for state in states]
    return SimpleNamespace(
        settlements=[SimpleNamespace(payouts=payouts)],
        balances=SimpleNamespace(pledged=SimpleNamespace(minor=pledged_minor)),
        counts_by_day={date(2026, 11, 2): SimpleNamespace(quarantined=quarantined)},
    )


@pytest.mark.parametrize(
    ("campaign", "unmatched_lines", "matter"),
    [
        (snapshot(PayoutState.RETURNED), 0, OpenMatter("payouts_returned", 1, "payouts?state=returned")),
        (snapshot(PayoutState.SENT), 0, OpenMatter("payouts_without_statement", 1, "payouts?state=sent")),
        (snapshot(PayoutState.SENDING), 0, OpenMatter("payouts_without_result", 1, "payouts?state=sending")),
        (snapshot(), 3, OpenMatter("lines_unmatched", 3, "statement-lines?unmatched=true")),
        (snapshot(pledged_minor=1), 0, OpenMatter("campaigns_unsettled", 1, "campaigns")),
        (snapshot(quarantined=2_591), 0, OpenMatter("likes_quarantined", 2_591, "campaigns")),
    ],
)
def test_an_open_matter_is_named(campaign: Any, unmatched_lines: int, matter: OpenMatter):
    assert list_open_matters([snapshot(PayoutState.PAID), campaign], unmatched_lines) == [matter]


def test_statuses_to_review_and_overdue_payouts_are_named():
    assert list_open_matters([], 0, unreviewed_status_count=2, overdue_count=1) == [
        OpenMatter("payouts_overdue", 1, "payouts?state=sent"),
        OpenMatter("statuses_unmatched", 2, "payment-statuses?unmatched=true"),
    ]


def test_a_finished_ledger_has_none():
    assert list_open_matters([snapshot(PayoutState.PAID, PayoutState.CANCELLED)], 0) == []
