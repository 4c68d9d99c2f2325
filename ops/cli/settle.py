"""`like-ledger settle`: make the settlements that are due, as the schedule does."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from campaigns.catalogue.cache import Campaign

SettlementRow: TypeAlias = "tuple[Campaign, str, dict[str, Any]]"  # the campaign, the settlement's id, its summary


def settle(
    slug: Annotated[str | None, typer.Argument(help="The campaign. Default: every campaign.")] = None,
    period: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The last period to settle, named by the day on which it falls due."),
    ] = None,
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Settle every closed period without a settlement, oldest first. Run again, it settles nothing.

    Without --as, the settlement counts as settlements by the schedule: every person may approve it.
    """
    settlements = runtime.run_to_end(
        _settle(slug, period.date() if period else None, person, runtime.prompt_token(person, token))
    )
    if as_json:
        printing.show_json({"settlements": [_settlement_json(*row) for row in settlements]})
    elif settlements:
        rows = [
            (c.slug, s["period"], settlement_id, _total_text(c, s), str(s["payouts"]))
            for c, settlement_id, s in settlements
        ]
        printing.show_table(("campaign", "period", "settlement", "total #", "payouts #"), rows)
    else:
        typer.echo("nothing to settle")


async def _settle(slug: str | None, period: date | None, person: str | None, token: str) -> list[SettlementRow]:
    from campaigns.catalogue import cache
    from campaigns.errors import NotFound

    settlements: list[SettlementRow] = []
    async with runtime.open_session(person, token) as session:
        async with session.pool.acquire() as conn:
            campaigns = await cache.load_campaigns(conn, session.keys.pseudonym)
        if slug is not None and slug not in campaigns:
            raise NotFound("campaign_not_found", slug=slug)
        for campaign in [campaigns[slug]] if slug else campaigns.values():
            upto = period if slug else _newest_period(campaign, period)
            if period is None or upto is not None:
                settlements += await _settle_campaign(session, campaign, upto)
    return settlements


def _newest_period(campaign: "Campaign", until: date | None) -> date | None:
    """Return the newest closed period of the campaign up to a day; None without such a period or a day."""
    from campaigns.pledging.settle import period_window
    from ledger.settlements.periods import closed_periods
    from ops.clock import utc_now

    periods = closed_periods(period_window(campaign, campaign.closed_at), utc_now()) if until else ()
    return max((period.day for period in periods if until and period.day <= until), default=None)


async def _settle_campaign(
    session: "runtime.Session", campaign: "Campaign", upto: date | None
) -> list[SettlementRow]:
    from ops.admin.resources.settlements import MORE

    settlements: list[SettlementRow] = []
    while True:
        response = await session.execute("settlement.make", campaign.slug, {"upto": upto})
        after = response["after"] or {}
        settlements += [
            (campaign, settlement_id, summary) for settlement_id, summary in after.items() if settlement_id != MORE
        ]
        if MORE not in after:
            return settlements


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
