"""`like-ledger review cases|show|release|void|note`: what people decide about likes that rules found."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from ops.admin.core.execute import CommandResponse

CaseId = Annotated[str, typer.Argument(help="The case's id, cas_…")]
Reason = Annotated[str, typer.Option(help="The reason, kept with the case.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the money it would move; change nothing.")]
KnownHash = Annotated[
    str | None, typer.Option("--hash", help="The case's hash, as `show` prints it: refused if it changed since.")
]
_COLUMNS = ("case", "campaign", "state", "family", "likes #", "people #", "money #", "due")


def cases(
    campaign: Annotated[str | None, typer.Option(help="Only cases of this campaign.")] = None,
    family: Annotated[str | None, typer.Option(help="Only cases of this family of rules.")] = None,
    state: Annotated[str | None, typer.Option(help="open or closed. Default: both.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many cases.")] = 50,
    as_json: runtime.AsJson = False,
) -> None:
    """List cases, those about the most money first."""
    filters = {"campaign": campaign, "family": family, "state": state, "limit": str(limit)}
    rows = runtime.run_to_end(_read_cases({name: text for name, text in filters.items() if text is not None}))
    if as_json:
        printing.show_json({"cases": rows})
        return
    printing.show_table(_COLUMNS, [_case_row(row) for row in rows])


def _case_row(row: Any) -> tuple[str, ...]:
    counts, money = (str(row["likes"]), str(row["people"])), f"{row['money']['text']} {row['currency']}"
    return (
        row["case"],
        row["campaign"],
        row["outcome"] or row["state"],
        row["family"],
        *counts,
        money,
        row["due_at"][:10],
    )


async def _read_cases(parameters: dict[str, str]) -> list[Any]:
    from ops.admin.core.pagination import read_page
    from ops.admin.resources.review_lists import CASES

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        page = await read_page(CASES, session.services.build_context(conn, session.actor, now()), parameters)
        return list(page["cases"])


def show(case: CaseId, as_json: runtime.AsJson = False) -> None:
    """Show a case: its evidence in words, what each decision would do, its steps, and its hash."""
    detail = runtime.run_to_end(_read_case(case))
    if as_json:
        printing.show_json(detail)
        return
    state, currency = detail["outcome"] or detail["state"], detail["currency"]
    typer.echo(f"{detail['case']}  {detail['campaign']}  {state}  {detail['money']['text']} {currency}")
    for sentence in detail["says"]["en"]:
        typer.echo(sentence)
    for name, title in (("if_released", "released"), ("if_void", "void")):
        outcome = detail[name]
        typer.echo(f"if {title}: {outcome['counted_likes']:+,} likes, {outcome['change']['text']} {currency}")
    for row in detail["people_in_other_cases"]:
        typer.echo(f"{row['people']:,} of the same people: {row['case']} ({row['family']})")
    for step in detail["steps"]:
        approved = f", approved by {step['approved_by']}" if step["approved_by"] else ""
        typer.echo(f"{step['at'][:19]}  {step['by']}: {step['action']}{approved}  {step['note'] or ''}".rstrip())
    typer.echo(f"hash {detail['hash']}")


async def _read_case(case_id: str) -> Any:
    from ops.admin.resources.review_lists import read_case

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        return await read_case(session.services.build_context(conn, session.actor, now()), case_id)


def now() -> Any:
    """Return the time now."""
    from ops.clock import utc_now

    return utc_now()


def release(
    case: CaseId,
    reason: Reason,
    known_hash: KnownHash = None,
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    dry_run: DryRun = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Release the likes of a case: they count by the terms of their own days."""
    body = _decision_body(reason, known_hash)
    show_response(execute("case.release", case, body, person, token, dry_run=dry_run), as_json=as_json)


def void(
    case: CaseId,
    reason: Reason,
    known_hash: KnownHash = None,
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    dry_run: DryRun = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Void the likes of a case: they are fake and count nothing."""
    body = _decision_body(reason, known_hash)
    show_response(execute("case.void", case, body, person, token, dry_run=dry_run), as_json=as_json)


def note(
    case: CaseId,
    text: Annotated[str, typer.Argument(help="The note.")],
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Add a note to a case; it decides nothing."""
    show_response(execute("case.note", case, {"note": text}, person, token), as_json=as_json)


def _decision_body(reason: str, known_hash: str | None) -> dict[str, str]:
    return {"reason": reason} | ({"hash": known_hash} if known_hash else {})


def execute(
    command: str, case_id: str, body: dict[str, str], person: str | None, token: str | None, *, dry_run: bool = False
) -> "CommandResponse":
    """Execute a command of review and return its response; `case_id` may be of an appeal."""

    async def run() -> "CommandResponse":
        from ops.admin.resources.review import REVIEWERS

        proof = runtime.prompt_token(person, token)
        async with runtime.open_session(person, proof, roles=REVIEWERS | {"owner"}) as session:
            return await session.execute(command, case_id, body, dry_run=dry_run)

    return runtime.run_to_end(run())


def show_response(response: "CommandResponse", *, as_json: bool) -> None:
    """Print the response to a decision."""
    if as_json:
        printing.show_json(response)
        return
    details, prefix = response["details"], "would be " if response["dry_run"] else ""
    if response["state"] == "pending":
        waits = f": {response['proposal']}" if response["proposal"] else ""
        typer.echo(f"a second person must approve ({response['approval_reason']}){waits}")
    else:
        typer.echo(f"{prefix}{(response['after'] or {}).get('outcome') or 'noted'}")
    if "money_moved" in details:
        typer.echo(f"{details['likes']:,} likes; the amount due changes by {details['money_moved']['text']}")
