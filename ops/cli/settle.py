"""`settle`: settle by hand what is due, as the schedule does."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import shared

if TYPE_CHECKING:
    from campaigns.catalogue import Campaign
    from ledger.settlement import Settled

BY_HAND = "command line"


def settle(
    slug: Annotated[str | None, typer.Argument(help="The campaign; left out: every campaign.")] = None,
    period: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only until this period, named by the day on which it falls due."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--as", help="Who makes it, proven by their token; they cannot approve it then.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="Their token; better typed when asked.")] = None,
    as_json: shared.AsJson = False,
) -> None:
    """Settle every closed period that has no settlement, oldest first. Again: settles nothing.

    Without a name it makes what the schedule would have made, and is nobody's.
    """
    if name is not None and token is None:
        token = typer.prompt("token", hide_input=True, err=True)
    made = shared.run(_settle(slug, period, name, token or ""))
    if as_json:
        shared.show_json({"settlements": [_shown(campaign, settled) for campaign, settled in made]})
    elif made:
        rows = [(c.slug, str(s.period), s.settlement_id, _text(c, s), str(s.payouts)) for c, s in made]
        shared.show_table(("campaign", "period", "settlement", "total #", "payouts #"), rows)
    else:
        typer.echo("nothing to settle")


async def _settle(
    slug: str | None, period: datetime | None, name: str | None, token: str
) -> "list[tuple[Campaign, Settled]]":
    from datetime import date

    from campaigns import catalogue, settling
    from campaigns.refusals import NotFound
    from ops.admin import tokens
    from ops.clock import utc_now

    upto = period.date() if period else date.max
    async with shared.opened() as own:
        async with own.pool.acquire() as conn:
            maker = (
                (await tokens.holder(conn, token, name, tokens.CLERKS, utc_now())).name
                if name is not None
                else BY_HAND
            )
            known = (await catalogue.load(conn, own.keys.pseudonym)).campaigns
        if slug is not None and slug not in known:
            raise NotFound(f"there is no campaign {slug!r}")
        made = []
        for campaign in [known[slug]] if slug else known.values():
            if period is not None and slug:
                settling.must_be_period(campaign, upto, utc_now())
            made += [(campaign, s) for s in await settling.settle_due(own.pool, campaign, maker, utc_now(), upto)]
        return made


def _shown(campaign: "Campaign", settled: "Settled") -> dict[str, object]:
    from ledger.money import show

    return {
        "campaign": campaign.slug,
        "id": settled.settlement_id,
        "period": settled.period.isoformat(),
        "total": show(settled.total_minor, campaign.promise.campaign.currency),
        "payouts": settled.payouts,
    }


def _text(campaign: "Campaign", settled: "Settled") -> str:
    from ledger.money import text

    currency = campaign.promise.campaign.currency
    return f"{text(settled.total_minor, currency)} {currency}"
