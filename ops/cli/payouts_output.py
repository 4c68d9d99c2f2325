"""Settlements and payouts as the command line shows them: the same figures and names as the public API."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ops.cli import runtime

if TYPE_CHECKING:
    from campaigns.catalogue.cache import Campaign
    from ledger.settlements.model import Settlement


def settlement_json(campaign: "Campaign", settlement: "Settlement") -> dict[str, Any]:
    """Return a settlement for programs, as `/settlements` shows it."""
    from campaigns.reporting.settlements import approval_rules, published_settlement

    return {"campaign": campaign.slug, **published_settlement(settlement, approval_rules(campaign))}


def is_sendable(campaign: "Campaign", settlement: "Settlement") -> bool:
    """Tell whether something waits that needs no more approvals, or was perhaps sent."""
    from campaigns.reporting.settlements import approval_rules
    from ledger.settlements.payout_steps import PayoutState

    states = {payout.state for payout in settlement.payouts}
    is_approved = not settlement.missing_approvals(approval_rules(campaign))
    return PayoutState.SENDING in states or (PayoutState.WAITING in states and is_approved)


def show_settlements(settlements: "Sequence[tuple[Campaign, Settlement]]", *, to_stderr: bool = False) -> None:
    """Print settlements with a line for each charity."""
    rows = [row for campaign, envelope in settlements for row in _payout_rows(settlement_json(campaign, envelope))]
    columns = "settlement", "period", "state", "charity", "amount #", "payout", "is", "bank's reference"
    runtime.show_table(columns, rows, to_stderr=to_stderr)
    for campaign, envelope in settlements:
        one = settlement_json(campaign, envelope)
        if one["approvals_missing"]:
            _echo(f"{one['id']} waits for {one['approvals_missing']} to approve {one['hash']}", to_stderr=to_stderr)


def _echo(text: str, *, to_stderr: bool) -> None:
    import typer

    typer.echo(text, err=to_stderr)


def _payout_rows(settlement: dict[str, Any]) -> list[list[str]]:
    head = [settlement["id"], settlement["period"], settlement["state"].value]
    rows = [
        [*head, p["charity"], p["amount"]["text"], p["id"], p["state"].value, p["bank_reference"] or ""]
        for p in settlement["payouts"]
    ]
    return rows + [[*head, c["charity"], c["amount"]["text"], "", "carried over", ""] for c in settlement["carried"]]


def import_json(result: Mapping[str, int], lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what a bank's file did, for programs: what the desk says, and the lines of it that are of no payout."""
    return {
        "statements": result["statements"],
        "again": result["known_before"],
        "sent": result["payouts_sent"],
        "paid": result["payouts_paid"],
        "returned": result["payouts_returned"],
        "statuses_unmatched": result["statuses_unmatched"],
        "unmatched": lines,
    }


def show_import(result: dict[str, Any]) -> None:
    """Print what a bank's file did."""
    _echo(
        f"{result['statements']} statements taken, {result['again']} known before: {result['paid']} payouts paid,"
        f" {result['sent']} sent, {result['returned']} came back, {len(result['unmatched'])} lines unmatched",
        to_stderr=False,
    )
    if result["statuses_unmatched"]:
        _echo(
            f"{result['statuses_unmatched']} answers of the bank are of nothing that was sent, or contradict what is"
            " known: look at them before anything is paid again",
            to_stderr=False,
        )
    if result["unmatched"]:
        show_unmatched(result["unmatched"])


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
            one["match_rule"],
        ]
        for one in lines
    ]
    runtime.show_table(("line", "booked on", "direction", "minor units #", "EndToEndId", "text", "match rule"), rows)
