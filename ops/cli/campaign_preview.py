"""`like-ledger campaign preview`: what a promise would come to, before it is made. Changes nothing."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli import runtime

if TYPE_CHECKING:
    from campaigns.preview.request import PreviewRequest
    from campaigns.preview.response import PreviewDay, PreviewResponse

_LIMIT_LABELS = {"none": "", "daily_cap": "daily cap", "budget": "budget"}
_FORECAST_OPTIONS = "--likes-per-day, --curve or --like"


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
        raise typer.BadParameter(f"give one of {_FORECAST_OPTIONS}", param_hint="forecast")
    forecast = {"likes_per_day": likes_per_day, "like_campaign": like, "fakes_bp": fakes_bp}
    answered = runtime.run_to_end(_preview(file, budget_minor, curve, forecast))
    if as_json:
        runtime.show_json(answered)
    else:
        _show_preview(answered)


async def _preview(
    file: Path, budget_minor: int | None, curve: Path | None, forecast: dict[str, Any]
) -> "PreviewResponse":
    from campaigns.preview import response
    from ops.clock import utc_now

    request = _build_request(file, budget_minor, curve, forecast)
    async with (
        runtime.open_session() as own,
        own.pool.acquire() as conn,
        conn.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await response.preview_response(conn, request, utc_now(), pseudonym_key=own.keys.pseudonym)


def _build_request(
    file: Path, budget_minor: int | None, curve: Path | None, forecast: dict[str, Any]
) -> "PreviewRequest":
    from campaigns.preview import request as preview_request

    points = preview_request.parse_curve_csv(_read_bytes(curve, preview_request.CURVE_BYTES_MAX)) if curve else None
    return preview_request.build_request(runtime.read_promise(file), budget_minor, {**forecast, "curve": points})


def _read_bytes(file: Path, bytes_max: int) -> bytes:
    """Return the file's bytes, one more than fit at most: that is enough to refuse it."""
    with file.open("rb") as opened:
        return opened.read(bytes_max + 1)


def _show_preview(response: "PreviewResponse") -> None:
    days = [_row(day) for day in response["days"]]
    columns = ("day", "likes #", "earned #", "capped #", "spent #", "so far #", "left #", "binds")
    runtime.show_table(columns, days, f"{response['campaign']}, {response['currency']}")
    shares = [(share["charity"], share["amount"]["text"]) for share in response["beneficiaries"]]
    runtime.show_table(("charity", f"gets, {response['currency']} #"), shares)
    typer.echo("\n".join(describe_preview(response)))


def _row(day: "PreviewDay") -> tuple[str, ...]:
    money = (day["earned"], day["capped"], day["spent"], day["so_far"], day["left"])
    return (day["day"], f"{day['likes']:,}", *(amount["text"] for amount in money), _LIMIT_LABELS[day["binds"]])


def describe_preview(response: "PreviewResponse") -> list[str]:
    """Return what the preview says, in words."""
    likes = response["likes"]
    told = [_pledge_sentence(response), _budget_sentence(response), _limit_sentence(response)]
    told += [f"of {likes['received']:,} likes {likes['fakes']:,} are fakes"] if likes["fakes"] else []
    told += [f"{Decimal(likes['earning_nothing']['text']):,} of {likes['counted']:,} counted likes earn nothing"]
    if instead := response["as_it_stands"]:
        told += [f"under the terms as they stand {_amount_text(response, instead['pledged'])} would be pledged"]
    return told + [f"note: {note['text']}" for note in response["notes"]]


def _amount_text(response: "PreviewResponse", amount: Any) -> str:
    return f"{amount['text']} {response['currency']}"


def _pledge_sentence(response: "PreviewResponse") -> str:
    money = response["money"]
    top_up = money["floor_top_up"]
    floor = f", {_amount_text(response, top_up)} of it to reach the floor" if top_up["minor"] else ""
    return f"{_amount_text(response, money['pledged'])} of {_amount_text(response, money['funded'])} would be pledged{floor}"


def _budget_sentence(response: "PreviewResponse") -> str:
    if response["budget_ends_on"]:
        return f"the budget ends on {response['budget_ends_on']}"
    if not response["money"]["funded"]["minor"]:
        return "there is no budget, so no like earns anything"
    return f"the budget lasts: {_amount_text(response, response['money']['remaining'])} are left at the end"


def _limit_sentence(response: "PreviewResponse") -> str:
    bound, days = response["days_bound"], len(response["days"])
    return f"the daily cap binds on {bound['daily_cap']} of {days} days, the budget on {bound['budget']}"
