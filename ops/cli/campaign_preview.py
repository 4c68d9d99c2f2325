"""`like-ledger campaign preview`: simulate a promise before it is applied. Changes nothing."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli import printing, runtime

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
            "--budget", min=0, metavar="MINOR", help="The whole budget in minor units. Default: the amount funded."
        ),
    ] = None,
    likes_per_day: Annotated[int | None, typer.Option(min=0, help="The same number of likes each day.")] = None,
    curve: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, readable=True, help="CSV of day,likes; straight lines between them."
        ),
    ] = None,
    like: Annotated[
        str | None, typer.Option(metavar="SLUG", help="Use the daily counts of that past campaign.")
    ] = None,
    fakes_bp: Annotated[int, typer.Option(min=0, max=10_000, help="Share of fakes in basis points.")] = 0,
    as_json: runtime.AsJson = False,
) -> None:
    """Simulate a promise over a forecast of likes: spending by day, binding limits, each charity's share."""
    if sum(option is not None for option in (likes_per_day, curve, like)) != 1:
        raise typer.BadParameter(f"give one of {_FORECAST_OPTIONS}", param_hint="forecast")
    forecast = {"likes_per_day": likes_per_day, "like_campaign": like, "fakes_bp": fakes_bp}
    response = runtime.run_to_end(_preview(file, budget_minor, curve, forecast))
    if as_json:
        printing.show_json(response)
    else:
        _show_preview(response)


async def _preview(
    file: Path, budget_minor: int | None, curve: Path | None, forecast: dict[str, Any]
) -> "PreviewResponse":
    from campaigns.preview.response import preview_response
    from ops.clock import utc_now

    request = _build_request(file, budget_minor, curve, forecast)
    async with (
        runtime.open_session() as session,
        session.pool.acquire() as conn,
        conn.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await preview_response(conn, request, utc_now(), pseudonym_key=session.keys.pseudonym)


def _build_request(
    file: Path, budget_minor: int | None, curve: Path | None, forecast: dict[str, Any]
) -> "PreviewRequest":
    from campaigns.preview import request as preview_request

    points = preview_request.parse_curve_csv(_read_bytes(curve, preview_request.CURVE_BYTES_MAX)) if curve else None
    return preview_request.build_request(runtime.read_promise(file), budget_minor, {**forecast, "curve": points})


def _read_bytes(file: Path, bytes_max: int) -> bytes:
    """Return at most one byte more than the limit, enough to refuse a larger file."""
    with file.open("rb") as stream:
        return stream.read(bytes_max + 1)


def _show_preview(response: "PreviewResponse") -> None:
    days = [_row(day) for day in response["days"]]
    columns = ("day", "likes #", "earned #", "capped #", "spent #", "so far #", "remaining #", "limit")
    printing.show_table(columns, days, f"{response['campaign']}, {response['currency']}")
    shares = [(share["charity"], share["amount"]["text"]) for share in response["beneficiaries"]]
    printing.show_table(("charity", f"receives, {response['currency']} #"), shares)
    typer.echo("\n".join(describe_preview(response)))


def _row(day: "PreviewDay") -> tuple[str, ...]:
    money = (day["earned"], day["capped"], day["spent"], day["so_far"], day["left"])
    return (day["day"], f"{day['likes']:,}", *(amount["text"] for amount in money), _LIMIT_LABELS[day["binds"]])


def describe_preview(response: "PreviewResponse") -> list[str]:
    """Return the preview in sentences."""
    likes = response["likes"]
    sentences = [_pledge_sentence(response), _budget_sentence(response), _limit_sentence(response)]
    sentences += [f"{likes['fakes']:,} of {likes['received']:,} likes are fakes"] if likes["fakes"] else []
    sentences += [f"{Decimal(likes['earning_nothing']['text']):,} of {likes['counted']:,} counted likes earn nothing"]
    if baseline := response["as_it_stands"]:
        sentences += [f"the terms in force would pledge {_amount_text(response, baseline['pledged'])}"]
    return sentences + [f"note: {note['text']}" for note in response["notes"]]


def _amount_text(response: "PreviewResponse", amount: Any) -> str:
    return f"{amount['text']} {response['currency']}"


def _pledge_sentence(response: "PreviewResponse") -> str:
    money = response["money"]
    top_up = money["floor_top_up"]
    floor = f", {_amount_text(response, top_up)} of it to reach the floor" if top_up["minor"] else ""
    pledged, funded = _amount_text(response, money["pledged"]), _amount_text(response, money["funded"])
    return f"{pledged} of {funded} would be pledged{floor}"


def _budget_sentence(response: "PreviewResponse") -> str:
    if response["budget_ends_on"]:
        return f"the budget ends on {response['budget_ends_on']}"
    if not response["money"]["funded"]["minor"]:
        return "there is no budget, so no like earns anything"
    return f"the budget lasts: {_amount_text(response, response['money']['remaining'])} remain at the end"


def _limit_sentence(response: "PreviewResponse") -> str:
    bound, days = response["days_bound"], len(response["days"])
    return f"the daily cap binds on {bound['daily_cap']} of {days} days, the budget on {bound['budget']}"
