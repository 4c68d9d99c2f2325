"""`python -m ledger.log.verify`: verify a log with a progress bar; exit status 0, 1 or 2."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ledger.log.cosignature import Quorum, parse_witness_key
from ledger.log.encoding import to_base64
from ledger.log.note import MalformedKey, format_verifier_key, parse_verifier_key
from ledger.log.verify.source import SourceError, open_source
from ledger.log.verify.state import BrokenState, load_state, save_state
from ledger.log.verify.succession import FollowedLink
from ledger.log.verify.verifier import VerificationFailed, VerificationResult, verify_log

_BAR_CHARS = 40


def main(argv: Sequence[str]) -> int:
    """Verify a log. Return the exit status: 0 verified, 1 false or unreadable, 2 wrong usage."""
    arguments = _argument_parser().parse_args(argv)
    try:
        key = parse_verifier_key(arguments.key) if arguments.key else None
        state = load_state(arguments.state) if arguments.state else None
        quorum = parse_quorum(arguments.witness, arguments.witnesses_needed)
        on_progress = _show_progress if sys.stderr.isatty() else None
        result = verify_log(open_source(arguments.url), state, key, on_progress, quorum, log_only=arguments.log_only)
    except (VerificationFailed, SourceError, MalformedKey, BrokenState) as error:
        sys.stderr.write(f"FALSE: {error}\n" if isinstance(error, VerificationFailed) else f"{error}\n")
        return 1
    if arguments.state:
        save_state(arguments.state, result.state)
    sys.stdout.write("\n".join(format_result(result)) + "\n")
    return 0


def _argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m ledger.log.verify", description=__doc__)
    parser.add_argument("url", help="address of the service, or a folder from `like-ledger log export`")
    parser.add_argument("--state", type=Path, help="file that keeps the log's key and newest checkpoint between runs")
    parser.add_argument("--key", help="the log's verifier key, as in /log/key; required to match")
    parser.add_argument("--witness", action="append", default=[], help="key of a witness; repeat it for several")
    parser.add_argument("--witnesses-needed", type=int, help="how many witnesses must have cosigned; default: all")
    parser.add_argument("--log-only", action="store_true", help="verify the log alone, without the published totals")
    return parser


def parse_quorum(keys: Sequence[str], cosignatures_min: int | None) -> Quorum:
    """Return the required witnesses; all of them must cosign unless a number is passed.

    Raises MalformedKey if a key is malformed or the number exceeds the number of witnesses.
    """
    witnesses = tuple(dict.fromkeys(parse_witness_key(key.strip()) for key in keys))
    if cosignatures_min is not None and not 0 <= cosignatures_min <= len(witnesses):
        raise MalformedKey(f"{cosignatures_min} witnesses cannot be required of {len(witnesses)}")
    return Quorum(witnesses, len(witnesses) if cosignatures_min is None else cosignatures_min)


def _show_progress(leaves_done: int, size: int) -> None:
    filled = _BAR_CHARS * leaves_done // max(1, size)
    end = "\n" if leaves_done == size else ""
    sys.stderr.write(f"\r[{'#' * filled:{_BAR_CHARS}}] {leaves_done:,} of {size:,} leaves{end}")
    sys.stderr.flush()


def format_result(result: VerificationResult) -> list[str]:
    """Return the result as lines of text."""
    checkpoint = result.checkpoint
    lines = [f"TRUE: {checkpoint.origin}, {checkpoint.size:,} leaves, root {to_base64(checkpoint.root)}"]
    if result.followed is not None:
        lines += format_link(result.followed)
    for slug, figures in sorted(result.figures.items()):
        stated = {name: figure for name, figure in figures._asdict().items() if figure is not None}
        amounts = ", ".join(f"{name} {figure}" for name, figure in stated.items())
        lines.append(f"  {slug}: {amounts}, remaining_minor {figures.remaining_minor}")
    lines += [
        f"Cosigned by {cosignature.witness.name} at {_format_timestamp(cosignature.timestamp)}."
        for cosignature in result.cosignatures
    ]
    lines.append(
        "The published totals match." if result.has_compared_totals else "There are no totals to compare with."
    )
    if result.is_first_run:
        key = format_verifier_key(result.state.key)
        lines.append(f"First run: the key was taken on trust: {key}. Keep it with --state, or pass it as --key.")
    return lines


def format_link(link: FollowedLink) -> list[str]:
    """Return what became of the remembered log as lines of text."""
    old = link.succession.checkpoint
    kept = f"{link.succession.kept:,} of its {old.size:,} leaves are here" + (
        f", {link.lost:,} are lost" if link.lost else ""
    )
    by = (
        "Its key names this log."
        if link.is_stated
        else "Its key does not name this log: compare the new key elsewhere."
    )
    return [f"{old.origin} has been succeeded by this log: {kept}. {by}"]


def _format_timestamp(timestamp: int) -> str:
    try:
        return datetime.fromtimestamp(timestamp, UTC).isoformat()
    except (OverflowError, ValueError):  # a witness may sign a time beyond year 9999
        return f"second {timestamp}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
