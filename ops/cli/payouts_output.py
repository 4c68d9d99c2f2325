"""Settlements and payouts as the command line shows them: the same figures and names as the public API."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ops.cli import runtime

if TYPE_CHECKING:
    from campaigns.catalogue.cache import Campaign
    from ledger.settlements.model import Envelope


def shown(campaign: "Campaign", envelope: "Envelope") -> dict[str, Any]:
    """Return a settlement for programs, as `/settlements` shows it."""
    from campaigns.reporting.settlements import published_settlement, rules

    return {"campaign": campaign.slug, **published_settlement(envelope, rules(campaign))}


def may_be_sent(campaign: "Campaign", envelope: "Envelope") -> bool:
    """Tell whether something waits that needs no more approvals, or was perhaps sent."""
    from campaigns.reporting.settlements import rules
    from ledger.settlements.payout_steps import State

    states = {payout.state for payout in envelope.payouts}
    is_approved = not envelope.missing_approvals(rules(campaign))
    return State.SENDING in states or (State.WAITING in states and is_approved)


def show_table(found: "Sequence[tuple[Campaign, Envelope]]", *, to_stderr: bool = False) -> None:
    """Print settlements with a line for each charity."""
    rows = [row for campaign, envelope in found for row in _rows(shown(campaign, envelope))]
    columns = "settlement", "period", "state", "charity", "amount #", "payout", "is", "bank's reference"
    runtime.show_table(columns, rows, to_stderr=to_stderr)
    for campaign, envelope in found:
        one = shown(campaign, envelope)
        if one["approvals_missing"]:
            _line(f"{one['id']} waits for {one['approvals_missing']} to approve {one['hash']}", to_stderr=to_stderr)


def _line(text: str, *, to_stderr: bool) -> None:
    import typer

    typer.echo(text, err=to_stderr)


def _rows(one: dict[str, Any]) -> list[list[str]]:
    head = [one["id"], one["period"], one["state"].value]
    rows = [
        [*head, p["charity"], p["amount"]["text"], p["id"], p["state"].value, p["bank_reference"] or ""]
        for p in one["payouts"]
    ]
    return rows + [[*head, c["charity"], c["amount"]["text"], "", "carried over", ""] for c in one["carried"]]


def imported(done: Mapping[str, int], lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what a bank's file did, for programs: what the desk says, and the lines of it that are of no payout."""
    return {
        "statements": done["statements"],
        "again": done["known_before"],
        "sent": done["payouts_sent"],
        "paid": done["payouts_paid"],
        "returned": done["payouts_returned"],
        "statuses_unmatched": done["statuses_unmatched"],
        "unmatched": lines,
    }


def show_imported(told: dict[str, Any]) -> None:
    """Print what a bank's file did."""
    _line(
        f"{told['statements']} statements taken, {told['again']} known before: {told['paid']} payouts paid,"
        f" {told['sent']} sent, {told['returned']} came back, {len(told['unmatched'])} lines unmatched",
        to_stderr=False,
    )
    if told["statuses_unmatched"]:
        _line(
            f"{told['statuses_unmatched']} answers of the bank are of nothing that was sent, or contradict what is"
            " known: look at them before anything is paid again",
            to_stderr=False,
        )
    if told["unmatched"]:
        show_unmatched(told["unmatched"])


def show_unmatched(lines: "Sequence[dict[str, Any]]") -> None:
    """Print statement lines that are of no payout."""
    rows = [
        [
            one.get("id", ""),
            one["booked_on"],
            one["direction"],
            str(one["amount_minor"]),
            one["end_to_end_id"] or "",
            one["text"],
            one["because"],
        ]
        for one in lines
    ]
    runtime.show_table(("line", "booked on", "direction", "minor units #", "EndToEndId", "text", "because"), rows)
