"""`settle`: settle by hand what is due, as the schedule does."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ops.cli import as_person, runtime

if TYPE_CHECKING:
    from campaigns.catalogue.cache import Campaign

SettlementRow: TypeAlias = "tuple[Campaign, str, dict[str, Any]]"  # whose, its id, and what the desk says of it


def settle(
    slug: Annotated[str | None, typer.Argument(help="The campaign; left out: every campaign.")] = None,
    period: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only until this period, named by the day on which it falls due."),
    ] = None,
    person: as_person.AsPerson = None,
    token: as_person.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Settle every closed period that has no settlement, oldest first. Again: settles nothing.

    Without a name it makes what the schedule would have made, and is nobody's.
    """
    made = runtime.run_to_end(
        _settle(slug, period.date() if period else None, person, as_person.prompt_token(person, token))
    )
    if as_json:
        runtime.show_json({"settlements": [_settlement_json(*one) for one in made]})
    elif made:
        rows = [(c.slug, s["period"], own_id, _total_text(c, s), str(s["payouts"])) for c, own_id, s in made]
        runtime.show_table(("campaign", "period", "settlement", "total #", "payouts #"), rows)
    else:
        typer.echo("nothing to settle")


async def _settle(slug: str | None, period: date | None, person: str | None, token: str) -> list[SettlementRow]:
    from campaigns.catalogue import cache
    from campaigns.errors import NotFound

    made: list[SettlementRow] = []
    async with as_person.open_person_session(person, token) as own:
        async with own.services.pool.acquire() as conn:
            known = await cache.load_campaigns(conn, own.services.keys.pseudonym)
        if slug is not None and slug not in known:
            raise NotFound(f"there is no campaign {slug!r}")
        for campaign in [known[slug]] if slug else known.values():
            upto = period if slug else _newest_period(campaign, period)
            if period is None or upto is not None:
                made += await _settle_campaign(own, campaign, upto)
    return made


def _newest_period(campaign: "Campaign", until: date | None) -> date | None:
    """Return the campaign's own newest closed period until a day; None: there is none, or no day was named."""
    from campaigns.pledging.settle import period_window
    from ledger.settlements.periods import closed_periods
    from ops.clock import utc_now

    periods = closed_periods(period_window(campaign, campaign.closed_at), utc_now()) if until else ()
    return max((period.day for period in periods if until and period.day <= until), default=None)


async def _settle_campaign(
    session: "as_person.PersonSession", campaign: "Campaign", upto: date | None
) -> list[SettlementRow]:
    from ops.admin.resources.settlements import MORE

    made: list[SettlementRow] = []
    while True:
        answer = await session.execute("settlement.make", campaign.slug, {"upto": upto})
        after = answer["after"] or {}
        made += [(campaign, own_id, settled) for own_id, settled in after.items() if own_id != MORE]
        if MORE not in after:
            return made


def _settlement_json(campaign: "Campaign", settlement_id: str, summary: dict[str, Any]) -> dict[str, object]:
    from ledger.money import to_money

    return {
        "campaign": campaign.slug,
        "id": settlement_id,
        "period": summary["period"],
        "total": to_money(summary["total_minor"], campaign.promise.campaign.currency),
        "payouts": summary["payouts"],
    }


def _total_text(campaign: "Campaign", summary: dict[str, Any]) -> str:
    from ledger.money import format_minor

    currency = campaign.promise.campaign.currency
    return f"{format_minor(summary['total_minor'], currency)} {currency}"
