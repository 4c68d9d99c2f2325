"""`like-ledger review appeals|uphold|reject`: what platforms appeal against, and what people decide."""

from typing import Annotated, Any

import typer

from ops.cli import printing, runtime
from ops.cli.review_cases import DryRun, execute, now, show_response

AppealId = Annotated[str, typer.Argument(help="The appeal's id, apl_…")]
Reason = Annotated[str, typer.Option(help="The reason, kept with the appeal.")]
_COLUMNS = ("appeal", "campaign", "platform", "state", "verdict", "families", "opened", "message")


def appeals(
    campaign: Annotated[str | None, typer.Option(help="Only appeals of this campaign.")] = None,
    state: Annotated[str | None, typer.Option(help="open, upheld or rejected. Default: all.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many appeals.")] = 50,
    as_json: runtime.AsJson = False,
) -> None:
    """List appeals, the oldest first."""
    filters = {"campaign": campaign, "state": state, "limit": str(limit)}
    rows = runtime.run_to_end(_read_appeals({name: text for name, text in filters.items() if text is not None}))
    if as_json:
        printing.show_json({"appeals": rows})
        return
    printing.show_table(_COLUMNS, [_appeal_row(row) for row in rows])


def _appeal_row(row: Any) -> tuple[str, ...]:
    names = ("appeal", "campaign", "platform", "state")
    families, opened_day = " ".join(row["families"]), row["opened_at"][:10]
    return (*(row[name] for name in names), row["verdict"] or "", families, opened_day, row["message"][:60])


async def _read_appeals(parameters: dict[str, str]) -> list[Any]:
    from ops.admin.core.pagination import read_page
    from ops.admin.resources.appeals import APPEALS

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        page = await read_page(APPEALS, session.services.build_context(conn, session.actor, now()), parameters)
        return list(page["appeals"])


def uphold(
    appeal: AppealId,
    reason: Reason,
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    dry_run: DryRun = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Uphold an appeal: its like counts by the terms of its own day. A void like takes two people."""
    response = execute("appeal.uphold", appeal, {"reason": reason}, person, token, dry_run=dry_run)
    show_response(response, as_json=as_json)


def reject(
    appeal: AppealId,
    reason: Reason,
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    dry_run: DryRun = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Reject an appeal: the verdict about its like stays."""
    response = execute("appeal.reject", appeal, {"reason": reason}, person, token, dry_run=dry_run)
    show_response(response, as_json=as_json)
