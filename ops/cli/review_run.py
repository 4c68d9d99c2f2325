"""`like-ledger review run`: judge likes now, as the schedule does."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from campaigns.catalogue.cache import Campaign
    from campaigns.judging.pass_result import PassResult


def run(
    slug: Annotated[str | None, typer.Argument(help="The campaign. Default: every campaign with a ruleset.")] = None,
    upto: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Judge the likes of all unsettled days by the events up to this day, as before a settlement:"
            " also clear what the rules do not find any more.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --upto: print what would change; change nothing.")
    ] = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Judge the likes that arrived. Run again, it changes nothing.

    What people decided stays, and so do likes of days that a settlement took: the rules open a case
    for them. `settle` judges by itself what it takes.
    """
    if dry_run and upto is None:
        raise typer.BadParameter("needs --upto", param_hint="--dry-run")
    results = runtime.run_to_end(_run(slug, upto.date() if upto else None, dry_run=dry_run))
    if as_json:
        rows = [_json(campaign, result) for campaign, result in results]
        printing.show_json({"dry_run": dry_run, "campaigns": rows})
    elif results:
        columns = ("campaign", "judged #", "held #", "cleared #", "new cases #", "waits for review")
        printing.show_table(columns, [_row(campaign, result) for campaign, result in results])
        if dry_run:
            typer.echo("dry run: nothing was changed")
    else:
        typer.echo("no campaign has a ruleset")


async def _run(slug: str | None, upto: date | None, *, dry_run: bool) -> "list[tuple[Campaign, PassResult]]":
    from rich.console import Console

    from campaigns.catalogue import cache
    from campaigns.errors import NotFound
    from campaigns.judging.errors import JudgingRefused
    from ops.replay.progress import spinner

    console = Console(stderr=True)
    async with runtime.open_session() as session:
        async with session.pool.acquire() as conn:
            campaigns = await cache.load_campaigns(conn, session.keys.pseudonym)
        if slug is not None and slug not in campaigns:
            raise NotFound("campaign_not_found", slug=slug)
        if slug is not None and campaigns[slug].ruleset is None:
            raise JudgingRefused("campaign_not_judged", slug=slug)
        results = []
        for campaign in [campaigns[slug]] if slug else campaigns.values():
            if campaign.ruleset is not None:
                with spinner(console, f"judge {campaign.slug}"):
                    results.append((campaign, await _judge(session, campaign, upto, dry_run=dry_run)))
        return results


async def _judge(
    session: "runtime.Session", campaign: "Campaign", upto: date | None, *, dry_run: bool
) -> "PassResult":
    from campaigns.judging.judge_all import judge_campaign
    from campaigns.judging.pass_result import PassResult
    from campaigns.pledging.closing_days import judge_all_days
    from ops.admin.core.savepoint import savepoint
    from ops.clock import utc_now

    if upto is None:
        return await judge_campaign(session.pool, campaign, utc_now, lambda _: None)
    async with session.pool.acquire() as conn, savepoint(conn) as transaction:
        transaction.is_rolled_back = dry_run
        return await judge_all_days(conn, campaign, utc_now(), upto=upto) or PassResult()


def _row(campaign: "Campaign", result: "PassResult") -> tuple[str, ...]:
    counts = result.judged, result.held_likes, result.cleared, result.opened_cases
    return (campaign.slug, *(f"{count:,}" for count in counts), " ".join(_waiting_days(result)))


def _json(campaign: "Campaign", result: "PassResult") -> dict[str, Any]:
    return {
        "campaign": campaign.slug,
        "judged": result.judged,
        "held": result.held_likes,
        "cleared": result.cleared,
        "new_cases": result.opened_cases,
        "digest": result.digest or None,
        "waiting_days": _waiting_days(result),
    }


def _waiting_days(result: "PassResult") -> list[str]:
    return [date.fromordinal(day).isoformat() for day in result.waiting_days]
