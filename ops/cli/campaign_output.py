"""Campaigns as tables, sentences and JSON: the same figures and names as the public API."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from campaigns.catalogue.apply_promise import Plan
    from campaigns.catalogue.cache import Campaign
    from campaigns.pledging.budget import Closing, Funding
    from campaigns.promise.diff import FieldChange
    from campaigns.reporting.snapshot import CampaignSnapshot


def show_changes(changes: "Sequence[FieldChange]") -> None:
    """Print the difference, a row for each value."""
    from ops.i18n.changes import format_changes

    if changes:
        rows = [(c["path"], c["before"] or "", c["after"] or "") for c in format_changes(changes)]
        printing.show_table(("value", "before", "after"), rows, "difference")


def plan_json(plan: "Plan", *, is_done: bool) -> dict[str, Any]:
    """Return a plan as JSON."""
    from ops.i18n.changes import format_changes

    return {
        "action": plan.action.value,
        "done": is_done,
        "terms_version": plan.version,
        "from_day": plan.from_day.isoformat(),
        "changes": format_changes(plan.changes),
    }


def plan_sentence(plan: "Plan", *, is_done: bool) -> str:
    """Return a sentence about what `apply` did, or would do."""
    terms = f"version {plan.version} of the terms, in force from {plan.from_day}"
    sentence = {
        "create": ("created the campaign: ", "would create the campaign: "),
        "new_terms": ("gave new terms: ", "would give new terms: "),
        "nothing": ("nothing differs: ", "nothing differs: "),
    }[plan.action.value][0 if is_done else 1]
    return sentence + terms


def _amount_text(campaign: "Campaign", minor: int) -> str:
    from ledger.money import format_minor

    currency = campaign.promise.campaign.currency
    return f"{format_minor(minor, currency)} {currency}"


def funding_json(campaign: "Campaign", amount_minor: int, funding: "Funding") -> dict[str, Any]:
    """Return a funding as JSON."""
    from ledger.money import to_money

    currency = campaign.promise.campaign.currency
    return {
        "campaign": campaign.slug,
        "amount": to_money(amount_minor, currency),
        "new": funding.is_new,
        "pledged": to_money(funding.pledged_minor, currency),
    }


def funding_sentence(campaign: "Campaign", amount_minor: int, funding: "Funding") -> str:
    """Return a sentence about what a funding did."""
    amount = _amount_text(campaign, amount_minor)
    if not funding.is_new:
        return f"{campaign.slug}: this reference funded {amount} before; nothing changed"
    pledged = (
        f"; likes had already earned {_amount_text(campaign, funding.pledged_minor)} of it"
        if funding.pledged_minor
        else ""
    )
    return f"{campaign.slug}: {amount} added to the budget{pledged}"


def closing_json(campaign: "Campaign", closing: "Closing") -> dict[str, Any]:
    """Return a closing as JSON."""
    from campaigns.reporting.snapshot import format_instant
    from ledger.money import to_money

    currency = campaign.promise.campaign.currency
    return {
        "campaign": campaign.slug,
        "closed_at": format_instant(closing.closed_at),
        "new": closing.is_new,
        "pledged": to_money(closing.pledged_minor, currency),
        "floor_top_up": to_money(closing.top_up_minor, currency),
        "returned": to_money(closing.returned_minor, currency),
    }


def closing_sentence(campaign: "Campaign", closing: "Closing") -> str:
    """Return a sentence about what a closing did."""
    if not closing.is_new:
        return f"{campaign.slug} was closed before, at {closing.closed_at:%Y-%m-%d %H:%M:%S %Z}; nothing changed"
    pledged, top_up, returned = (
        _amount_text(campaign, minor)
        for minor in (closing.pledged_minor, closing.top_up_minor, closing.returned_minor)
    )
    return (
        f"{campaign.slug} is closed: {pledged} pledged for the last likes,"
        f" {top_up} added up to the floor, {returned} returned"
    )


async def read_all_snapshots() -> "list[CampaignSnapshot]":
    """Return the snapshot of every campaign."""
    from campaigns.catalogue.cache import CatalogueCache
    from campaigns.reporting import snapshot
    from ops.clock import utc_now

    async with runtime.open_session() as session:
        return await snapshot.read_snapshots(
            session.pool, CatalogueCache(session.pool, session.keys.pseudonym), utc_now()
        )


def show_campaign(snapshot: "CampaignSnapshot", *, as_json: bool) -> None:
    """Print a campaign in full; the JSON equals the response of `/v1/campaigns/{slug}`."""
    import orjson

    from campaigns.catalogue.apply_promise import current_promise
    from campaigns.promise.diff import diff_promises
    from campaigns.reporting.campaign import published_campaign
    from ops.http.core.representations import to_json
    from ops.i18n.changes import format_changes

    if as_json:
        printing.show_json(orjson.loads(to_json(published_campaign(snapshot))))
        return
    changes = format_changes(diff_promises(None, current_promise(snapshot.campaign)))
    rows = [(change["path"], change["after"] or "") for change in changes]
    printing.show_table(("promise", "value"), rows, snapshot.slug)
    _show_terms(snapshot.campaign)
    show_campaigns([snapshot], as_json=False)


def _show_terms(campaign: "Campaign") -> None:
    rows = [
        (
            str(terms.version),
            terms.from_day.isoformat(),
            f"{terms.amount_minor} per {terms.per_likes} likes",
            "none" if terms.daily_cap_minor is None else _amount_text(campaign, terms.daily_cap_minor),
            str(terms.likes_per_person_per_day or "none"),
            ", ".join(f"{share.charity} {share.share_bp}" for share in terms.shares),
        )
        for terms in campaign.terms
    ]
    columns = "terms #", "in force from", "minor units", "daily cap #", "a person's likes a day #", "basis points"
    printing.show_table(columns, rows)


def show_campaigns(snapshots: "Sequence[CampaignSnapshot]", *, as_json: bool) -> None:
    """Print the totals of campaigns, a row each."""
    from campaigns.reporting import snapshot
    from campaigns.reporting.totals import campaign_totals

    totals = [{"state": snapshot.campaign_phase(s.campaign, s.as_of), **campaign_totals(s)} for s in snapshots]
    if as_json:
        printing.show_json({"campaigns": totals})
        return
    columns = "campaign", "state", "terms #", "counted #", "funded #", "pledged #", "settled #", "remaining #", ""
    printing.show_table(columns, [_campaign_row(row) for row in totals])


def _campaign_row(campaign: dict[str, Any]) -> list[str]:
    money = [campaign["money"][name]["text"] for name in ("funded", "pledged", "settled", "remaining")]
    counted = f"{campaign['likes']['counted']:,}"
    return [
        campaign["campaign"],
        campaign["state"],
        str(campaign["terms_version"]),
        counted,
        *money,
        campaign["currency"],
    ]
