"""What is open in the whole ledger, for the overview: nothing of it may look as if it were done. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from campaigns.reporting.snapshot import CampaignSnapshot
from campaigns.review.cases import NO_CASES, CaseBacklog
from ledger.settlements.payout_steps import PayoutState


class OpenMatter(NamedTuple):
    """A kind of open matter, how many there are, and the page of the administration that lists them."""

    kind: str
    number: int
    path: str
    since: str | None = None  # when the oldest began


_PAYOUT_MATTERS = (
    ("payouts_returned", PayoutState.RETURNED),
    ("payouts_without_statement", PayoutState.SENT),
    ("payouts_without_result", PayoutState.SENDING),
)


def list_open_matters(
    snapshots: Sequence[CampaignSnapshot],
    unmatched_line_count: int,
    *,
    unreviewed_status_count: int = 0,
    overdue_count: int = 0,
    case_backlog: CaseBacklog = NO_CASES,
) -> list[OpenMatter]:
    """Return what is open, the most urgent first; kinds without any are left out."""
    states = [payout.state for snapshot in snapshots for s in snapshot.settlements for payout in s.payouts]
    matters = [
        OpenMatter("payouts_overdue", overdue_count, "payouts?state=sent"),
        *(OpenMatter(kind, states.count(state), f"payouts?state={state.value}") for kind, state in _PAYOUT_MATTERS),
        OpenMatter("lines_unmatched", unmatched_line_count, "statement-lines?unmatched=true"),
        OpenMatter("statuses_unmatched", unreviewed_status_count, "payment-statuses?unmatched=true"),
        OpenMatter("campaigns_unsettled", sum(s.balances.pledged.minor > 0 for s in snapshots), "campaigns"),
        OpenMatter("cases", case_backlog.open_count, "review", _moment(case_backlog)),
        OpenMatter("likes_quarantined", sum(map(_quarantined, snapshots)), "campaigns"),
    ]
    return [matter for matter in matters if matter.number]


def _moment(backlog: CaseBacklog) -> str | None:
    return None if backlog.oldest_at is None else backlog.oldest_at.isoformat()


def _quarantined(snapshot: CampaignSnapshot) -> int:
    return sum(day.quarantined for day in snapshot.counts_by_day.values())
