"""Settlements and payouts as tables and JSON: the same figures and names as the public API.

The person at the command line has finance's rights, and so reads a bank's words too.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ops.cli import printing

if TYPE_CHECKING:
    from campaigns.catalogue.cache import Campaign
    from ledger.settlements.model import Settlement


def settlement_json(campaign: "Campaign", settlement: "Settlement") -> dict[str, Any]:
    """Return a settlement as JSON, as `/settlements` shows it, but with the bank's words for a return."""
    from campaigns.reporting.settlements import approval_rules, published_settlement
    from ledger.settlements.payout_steps import PayoutState
    from ledger.settlements.return_reasons import reason_text

    published = published_settlement(settlement, approval_rules(campaign))
    for view, payout in zip(published["payouts"], settlement.payouts, strict=True):
        if payout.state is PayoutState.RETURNED:
            view["returned_because"] = reason_text(payout.latest_step.reason)
    return {"campaign": campaign.slug, **published}


def is_sendable(campaign: "Campaign", settlement: "Settlement") -> bool:
    """Return whether an approved payout waits, or the result of one that was sent is unknown."""
    from campaigns.reporting.settlements import approval_rules
    from ledger.settlements.payout_steps import PayoutState

    states = {payout.state for payout in settlement.payouts}
    is_approved = not settlement.missing_approvals(approval_rules(campaign))
    return PayoutState.SENDING in states or (PayoutState.WAITING in states and is_approved)


def show_settlements(settlements: "Sequence[tuple[Campaign, Settlement]]", *, to_stderr: bool = False) -> None:
    """Print settlements, a row for each charity."""
    rows = [
        row for campaign, settlement in settlements for row in _payout_rows(settlement_json(campaign, settlement))
    ]
    columns = "settlement", "period", "state", "charity", "amount #", "payout", "payout state", "bank reference"
    printing.show_table(columns, rows, to_stderr=to_stderr)
    for campaign, settlement in settlements:
        view = settlement_json(campaign, settlement)
        if view["approvals_missing"]:
            missing = f"{view['id']} needs {view['approvals_missing']} more approvals of {view['hash']}"
            _echo(missing, to_stderr=to_stderr)


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


def import_json(
    response: Mapping[str, Any], lines: Sequence[dict[str, Any]], statuses: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the result of a bank file as JSON, with its unmatched lines and statuses."""
    result = response["after"] or {}
    return {
        "statements": result["statements"],
        "lines": result["lines"],
        "lines_repeated": result["lines_repeated"],
        "known_before": result["known_before"],
        "sent": result["payouts_sent"],
        "paid": result["payouts_paid"],
        "returned": result["payouts_returned"],
        "charges_minor": result["charges_minor"],
        "statuses": result["statuses"],
        "statuses_pending": result["statuses_pending"],
        "statuses_unmatched": result["statuses_unmatched"],
        "unmatched": lines,
        "unmatched_statuses": statuses,
        "skipped_count": result["skipped"],
        "skipped": response["details"]["skipped"],
    }


def match_json(line: str, payouts: Sequence[str], response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a manual match as JSON; `proposal` waits for a second person, if any."""
    after = response["after"] or {}
    return {
        "line": line,
        "payout": payouts[0],
        "state": after["payouts"][payouts[0]]["state"] if response["state"] != "pending" else "pending",
        "payouts": list(payouts),
        "charge_minor": after.get("charge_minor", 0),
        "difference_minor": after.get("difference_minor", 0),
        "proposal": response["proposal"],
    }


def show_match(result: Mapping[str, Any]) -> None:
    """Print the result of a manual match."""
    if result["proposal"]:
        _echo(
            f"a difference of {result['difference_minor']} minor units is above the threshold:"
            f" another person must approve {result['proposal']}",
            to_stderr=False,
        )
        return
    for payout in result["payouts"]:
        _echo(f"{payout} is {result['state']}", to_stderr=False)
    for kind in ("charge", "difference"):
        if result[f"{kind}_minor"]:
            _echo(f"{kind}: {result[f'{kind}_minor']} minor units beside the payouts", to_stderr=False)


def show_statuses(statuses: "Sequence[dict[str, Any]]") -> None:
    """Print bank statuses that wait for a person."""
    rows = [
        [
            status["id"],
            status["status"],
            status["reason_code"] or "",
            status["message"] or "",
            " ".join(status["references"]),
            status["match_rule"],
        ]
        for status in statuses
    ]
    printing.show_table(("status", "code", "reason", "message", "references", "match rule"), rows)


def show_import(result: dict[str, Any]) -> None:
    """Print the result of a bank file."""
    _echo(
        f"{result['statements']} statements with {result['lines']} lines and {result['statuses']} statuses imported,"
        f" {result['known_before']} known before:"
        f" {result['paid']} payouts paid, {result['sent']} sent, {result['returned']} returned,"
        f" {len(result['unmatched'])} lines unmatched, {result['skipped_count']} parts skipped",
        to_stderr=False,
    )
    if result["statuses_unmatched"]:
        _echo(
            f"{result['statuses_unmatched']} bank statuses match no sent payout, or contradict its state:"
            " review them before you pay again",
            to_stderr=False,
        )
    if result["charges_minor"]:
        _echo(f"{result['charges_minor']} minor units are the bank's charges", to_stderr=False)
    if result["unmatched"]:
        show_unmatched(result["unmatched"])
    if result["unmatched_statuses"]:
        show_statuses(result["unmatched_statuses"])
    _show_skipped(result["skipped"])


def _show_skipped(skipped: Sequence[Mapping[str, Any]]) -> None:
    from ops.i18n.refusals import code_text

    for part in skipped:
        _echo(f"skipped: {code_text(part['code'], part['params'], 'en')}", to_stderr=False)


def show_unmatched(lines: "Sequence[dict[str, Any]]") -> None:
    """Print unmatched statement lines."""
    rows = [
        [
            line.get("id", ""),
            line["booked_on"],
            line["direction"],
            str(line["amount_minor"]),
            line["end_to_end_id"] or "",
            line["description"],
            line["match_rule"],
        ]
        for line in lines
    ]
    printing.show_table(
        ("line", "booked on", "direction", "minor units #", "EndToEndId", "description", "match rule"), rows
    )
