"""Campaigns as the command line shows them: the same figures under the same names as the public API."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ops.cli import runtime

if TYPE_CHECKING:
    from campaigns.catalogue.apply_promise import Plan
    from campaigns.catalogue.cache import Campaign
    from campaigns.pledging.budget import Closing, Funding
    from campaigns.promise.diff import Change
    from campaigns.reporting.snapshot import Standing


def show_changes(changes: "Sequence[Change]") -> None:
    """Print what would change, value by value."""
    if changes:
        rows = [(c.path, c.before or "", c.after or "") for c in changes]
        runtime.show_table(("value", "before", "after"), rows, "difference")


def plan_shown(plan: "Plan", *, is_done: bool) -> dict[str, Any]:
    """Return a plan for programs."""
    return {
        "action": plan.action.value,
        "done": is_done,
        "terms_version": plan.version,
        "from_day": plan.from_day.isoformat(),
        "changes": [change._asdict() for change in plan.changes],
    }


def plan_sentence(plan: "Plan", *, is_done: bool) -> str:
    """Return what applying did, or would do."""
    terms = f"version {plan.version} of the terms, in force from {plan.from_day}"
    sentence = {
        "create": ("the campaign was made: ", "would make the campaign: "),
        "new_terms": ("new terms were given: ", "would give new terms: "),
        "nothing": ("nothing differs: ", "nothing differs: "),
    }[plan.action.value][0 if is_done else 1]
    return sentence + terms


def _text(campaign: "Campaign", minor: int) -> str:
    from ledger.money import text

    currency = campaign.promise.campaign.currency
    return f"{text(minor, currency)} {currency}"


def funding_shown(campaign: "Campaign", amount_minor: int, done: "Funding") -> dict[str, Any]:
    """Return a funding for programs."""
    from ledger.money import show

    currency = campaign.promise.campaign.currency
    return {
        "campaign": campaign.slug,
        "amount": show(amount_minor, currency),
        "new": done.is_new,
        "pledged": show(done.pledged_minor, currency),
    }


def funding_sentence(campaign: "Campaign", amount_minor: int, done: "Funding") -> str:
    """Return what a funding did."""
    amount = _text(campaign, amount_minor)
    if not done.is_new:
        return f"{campaign.slug}: {amount} were taken under this reference before; nothing changed"
    pledged = f"; likes had earned {_text(campaign, done.pledged_minor)} of it already" if done.pledged_minor else ""
    return f"{campaign.slug}: {amount} taken into the budget{pledged}"


def closing_shown(campaign: "Campaign", done: "Closing") -> dict[str, Any]:
    """Return a closing for programs."""
    from campaigns.reporting.snapshot import instant
    from ledger.money import show

    currency = campaign.promise.campaign.currency
    return {
        "campaign": campaign.slug,
        "closed_at": instant(done.closed_at),
        "new": done.is_new,
        "pledged": show(done.pledged_minor, currency),
        "floor_top_up": show(done.floor_minor, currency),
        "returned": show(done.returned_minor, currency),
    }


def closing_sentence(campaign: "Campaign", done: "Closing") -> str:
    """Return what a closing did."""
    if not done.is_new:
        return f"{campaign.slug} was closed at {done.closed_at:%Y-%m-%d %H:%M:%S %Z} already; nothing changed"
    moved = (
        f"{_text(campaign, done.floor_minor)} added up to the floor, {_text(campaign, done.returned_minor)} returned"
    )
    return f"{campaign.slug} is closed: {_text(campaign, done.pledged_minor)} pledged for the last likes, {moved}"


async def standings() -> "list[Standing]":
    """Return how every campaign stands now."""
    from campaigns.catalogue.cache import Shelf
    from campaigns.reporting import snapshot
    from ops.clock import utc_now

    async with runtime.opened() as own:
        return await snapshot.read(own.pool, Shelf(own.pool, own.keys.pseudonym), utc_now())


def show(standing: "Standing", *, as_json: bool) -> None:
    """Print a campaign in full: as JSON it is what `/v1/campaigns/{slug}` answers."""
    import orjson

    from campaigns.catalogue.apply_promise import promised
    from campaigns.promise.diff import difference
    from campaigns.reporting.campaign import published
    from ops.http.core.representations import to_json

    if as_json:
        runtime.show_json(orjson.loads(to_json(published(standing))))
        return
    rows = [(c.path, c.after or "") for c in difference(None, promised(standing.campaign))]
    runtime.show_table(("promise", "value"), rows, standing.slug)
    _show_versions(standing.campaign)
    show_all([standing], as_json=False)


def _show_versions(campaign: "Campaign") -> None:
    rows = [
        (
            str(terms.version),
            terms.from_day.isoformat(),
            f"{terms.amount_minor} per {terms.per_likes} likes",
            "none" if terms.daily_cap_minor is None else _text(campaign, terms.daily_cap_minor),
            str(terms.likes_per_person_per_day or "none"),
            ", ".join(f"{share.charity} {share.share_bp}" for share in terms.shares),
        )
        for terms in campaign.terms
    ]
    columns = "terms #", "in force from", "minor units", "daily cap #", "a person's likes a day #", "basis points"
    runtime.show_table(columns, rows)


def show_all(standings: "Sequence[Standing]", *, as_json: bool) -> None:
    """Print how campaigns stand."""
    from campaigns.reporting import snapshot
    from campaigns.reporting.totals import totals

    shown = [{"state": snapshot.state(s.campaign, s.as_of), **totals(s)} for s in standings]
    if as_json:
        runtime.show_json({"campaigns": shown})
        return
    columns = "campaign", "state", "terms #", "counted #", "funded #", "pledged #", "settled #", "remaining #", ""
    runtime.show_table(columns, [_row(one) for one in shown])


def _row(one: dict[str, Any]) -> list[str]:
    money = [one["money"][name]["text"] for name in ("funded", "pledged", "settled", "remaining")]
    counted = f"{one['likes']['counted']:,}"
    return [one["campaign"], one["state"], str(one["terms_version"]), counted, *money, one["currency"]]
