"""`like-ledger campaign preview`: what a promise would come to, before it is made. Changes nothing."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli import runtime

if TYPE_CHECKING:
    from campaigns.preview.request import PreviewRequest
    from campaigns.preview.response import PreviewAnswer, PreviewDay

_BINDS = {"none": "", "daily_cap": "daily cap", "budget": "budget"}
_WAYS = "--likes-per-day, --curve or --like"


def preview(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The promise, in TOML.")],
    budget_minor: Annotated[
        int | None,
        typer.Option(
            "--budget", min=0, metavar="MINOR", help="The whole budget in minor units; by default what is funded."
        ),
    ] = None,
    likes_per_day: Annotated[int | None, typer.Option(min=0, help="The same number of likes each day.")] = None,
    curve: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, readable=True, help="CSV of day,likes; straight lines between them."
        ),
    ] = None,
    like: Annotated[str | None, typer.Option(metavar="SLUG", help="The counts of that past campaign.")] = None,
    fakes_bp: Annotated[int, typer.Option(min=0, max=10_000, help="Share of fakes in basis points.")] = 0,
    as_json: runtime.AsJson = False,
) -> None:
    """Show what a promise would come to over a forecast of likes: spend by day, what binds, who gets what."""
    if sum(way is not None for way in (likes_per_day, curve, like)) != 1:
        raise typer.BadParameter(f"give one of {_WAYS}", param_hint="forecast")
    forecast = {"likes_per_day": likes_per_day, "like_campaign": like, "fakes_bp": fakes_bp}
    answered = runtime.run(_preview(file, budget_minor, curve, forecast))
    if as_json:
        runtime.show_json(answered)
    else:
        _show(answered)


async def _preview(
    file: Path, budget_minor: int | None, curve: Path | None, forecast: dict[str, Any]
) -> "PreviewAnswer":
    from campaigns.preview import response
    from ops.clock import utc_now

    request = _request(file, budget_minor, curve, forecast)
    async with (
        runtime.opened() as own,
        own.pool.acquire() as conn,
        conn.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await response.preview(conn, request, utc_now(), pseudonym_key=own.keys.pseudonym)


def _request(file: Path, budget_minor: int | None, curve: Path | None, forecast: dict[str, Any]) -> "PreviewRequest":
    from campaigns.preview import request as preview_request

    points = preview_request.read_curve(_bytes(curve, preview_request.CURVE_BYTES_MAX)) if curve else None
    return preview_request.of_promise(runtime.read_promise(file), budget_minor, {**forecast, "curve": points})


def _bytes(file: Path, bytes_max: int) -> bytes:
    """Return the file's bytes, one more than fit at most: that is enough to refuse it."""
    with file.open("rb") as opened:
        return opened.read(bytes_max + 1)


def _show(answered: "PreviewAnswer") -> None:
    days = [_row(day) for day in answered["days"]]
    columns = ("day", "likes #", "earned #", "capped #", "spent #", "so far #", "left #", "binds")
    runtime.show_table(columns, days, f"{answered['campaign']}, {answered['currency']}")
    shares = [(share["charity"], share["amount"]["text"]) for share in answered["beneficiaries"]]
    runtime.show_table(("charity", f"gets, {answered['currency']} #"), shares)
    typer.echo("\n".join(sentences(answered)))


def _row(day: "PreviewDay") -> tuple[str, ...]:
    money = (day["earned"], day["capped"], day["spent"], day["so_far"], day["left"])
    return (day["day"], f"{day['likes']:,}", *(amount["text"] for amount in money), _BINDS[day["binds"]])


def sentences(answered: "PreviewAnswer") -> list[str]:
    """Return what the preview says, in words."""
    likes = answered["likes"]
    told = [_pledged(answered), _budget(answered), _bound(answered)]
    told += [f"of {likes['received']:,} likes {likes['fakes']:,} are fakes"] if likes["fakes"] else []
    told += [f"{Decimal(likes['earning_nothing']['text']):,} of {likes['counted']:,} counted likes earn nothing"]
    if instead := answered["as_it_stands"]:
        told += [f"under the terms as they stand {_text(answered, instead['pledged'])} would be pledged"]
    return told + [f"note: {note['text']}" for note in answered["notes"]]


def _text(answered: "PreviewAnswer", amount: Any) -> str:
    return f"{amount['text']} {answered['currency']}"


def _pledged(answered: "PreviewAnswer") -> str:
    money = answered["money"]
    top_up = money["floor_top_up"]
    floor = f", {_text(answered, top_up)} of it to reach the floor" if top_up["minor"] else ""
    return f"{_text(answered, money['pledged'])} of {_text(answered, money['funded'])} would be pledged{floor}"


def _budget(answered: "PreviewAnswer") -> str:
    if answered["budget_ends_on"]:
        return f"the budget ends on {answered['budget_ends_on']}"
    if not answered["money"]["funded"]["minor"]:
        return "there is no budget, so no like earns anything"
    return f"the budget lasts: {_text(answered, answered['money']['remaining'])} are left at the end"


def _bound(answered: "PreviewAnswer") -> str:
    bound, days = answered["days_bound"], len(answered["days"])
    return f"the daily cap binds on {bound['daily_cap']} of {days} days, the budget on {bound['budget']}"
