"""`like-ledger verify`: verify a public log as a stranger, from its address alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from ledger.log.cosignature import Quorum
    from ledger.log.verify.verifier import VerificationResult

State = Annotated[
    Path | None,
    typer.Option(help="The file that keeps the log's key and newest checkpoint; the next run must extend them."),
]
Key = Annotated[
    str | None, typer.Option(help="The log's verifier key, as /log/key shows it. Default: trust on first use.")
]

Witnesses = Annotated[
    list[str] | None, typer.Option(help="The key of a witness that must have cosigned; repeatable.")
]
WitnessesNeeded = Annotated[
    int | None, typer.Option(min=0, help="How many of the witnesses must have cosigned. Default: all.")
]
LogOnly = Annotated[bool, typer.Option("--log-only", help="Verify the log without the published totals.")]


def verify(
    url: Annotated[str, typer.Argument(help="The service's address, or a folder that `log export` wrote.")],
    state: State = None,
    key: Key = None,
    witness: Witnesses = None,
    witnesses_needed: WitnessesNeeded = None,
    log_only: LogOnly = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Verify signatures, tiles and leaves, replay them, compare the totals; print the first difference.

    `python -m ledger.log.verify` does the same without the code of the service.
    """
    from ledger.log.note import MalformedKey
    from ledger.log.verify import state as memory
    from ledger.log.verify.__main__ import format_result, parse_quorum
    from ledger.log.verify.source import SourceError
    from ledger.log.verify.verifier import VerificationFailed

    try:
        result = _verify(url, state, key, parse_quorum(witness or [], witnesses_needed), log_only=log_only)
    except (VerificationFailed, SourceError, MalformedKey, memory.BrokenState) as fault:
        if as_json:
            printing.show_json({"true": False, "reason": str(fault)})
        typer.echo(f"FALSE: {fault}" if isinstance(fault, VerificationFailed) else str(fault), err=True)
        raise typer.Exit(1) from None
    if state is not None:
        memory.save_state(state, result.state)
    if as_json:
        printing.show_json(_verified_json(result))
    else:
        typer.echo("\n".join(format_result(result)))


def _verify(
    url: str, state: Path | None, key: str | None, witness_quorum: "Quorum", *, log_only: bool
) -> "VerificationResult":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ledger.log.note import parse_verifier_key
    from ledger.log.verify import state as memory
    from ledger.log.verify.source import open_source
    from ledger.log.verify.verifier import verify_log as check

    columns = TextColumn("leaves"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("leaves", total=None)
        return check(
            open_source(url),
            memory.load_state(state) if state is not None else None,
            parse_verifier_key(key) if key is not None else None,
            lambda done, size: bars.update(task, completed=done, total=size),
            witness_quorum,
            log_only=log_only,
        )


def _verified_json(verified: "VerificationResult") -> dict[str, object]:
    from ledger.log.encoding import to_base64

    checkpoint = verified.checkpoint
    return {
        "true": True,
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": to_base64(checkpoint.root),
        "compared_with_totals": verified.has_compared_totals,
        "cosigned": {cosignature.witness.name: cosignature.timestamp for cosignature in verified.cosignatures},
        "campaigns": {
            slug: figures._asdict() | {"remaining_minor": figures.remaining_minor}
            for slug, figures in verified.figures.items()
        },
    }


def verify_receipt(
    file: Annotated[Path, typer.Argument(help="A file with the response of `GET /v1/receipts/…`.")],
    key: Annotated[str, typer.Option(help="The log's verifier key, as /log/key shows it.")],
    as_json: runtime.AsJson = False,
) -> None:
    """Verify the proof of a receipt step by step, offline; status 1 if a step fails."""
    from ledger.log import receipt
    from ledger.log.note import MalformedKey, parse_verifier_key

    try:
        steps = receipt.check_receipt(file.read_bytes(), parse_verifier_key(key.strip()))
    except (OSError, MalformedKey, receipt.MalformedReceipt) as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(1) from None
    if as_json:
        printing.show_json([{"says": step.description, "holds": step.holds} for step in steps])
    else:
        for step in steps:
            typer.echo(f"{'ok   ' if step.holds else 'FALSE'} {step.description}")
    if not all(step.holds for step in steps):
        raise typer.Exit(1)
