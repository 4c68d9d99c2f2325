"""`python -m ledger.log.verify` on the command line: a progress bar, one sentence, status 0, 1 or 2."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ledger.log.cosignature import Quorum, parse_witness_key
from ledger.log.encoding import to_base64
from ledger.log.note import MalformedKey, format_verifier_key, parse_verifier_key
from ledger.log.verify import state as memory
from ledger.log.verify.source import SourceError, open_source
from ledger.log.verify.verifier import VerificationFailed, VerificationResult, verify_log

_BAR_CHARS = 40


def main(argv: Sequence[str]) -> int:
    """Check a log; return the exit status: 0 it is true, 1 it is not or cannot be read, 2 wrong usage."""
    given = _argument_parser().parse_args(argv)
    try:
        key = parse_verifier_key(given.key) if given.key else None
        before = memory.load_state(given.state) if given.state else None
        asked = parse_quorum(given.witness, given.witnesses_needed)
        bar = _show_progress if sys.stderr.isatty() else None
        found = verify_log(open_source(given.url), before, key, bar, asked, log_only=given.log_only)
    except (VerificationFailed, SourceError, MalformedKey, memory.BrokenState) as fault:
        sys.stderr.write(f"FALSE: {fault}\n" if isinstance(fault, VerificationFailed) else f"{fault}\n")
        return 1
    if given.state:
        memory.save_state(given.state, found.state)
    sys.stdout.write("\n".join(format_result(found)) + "\n")
    return 0


def _argument_parser() -> argparse.ArgumentParser:
    usage = argparse.ArgumentParser("python -m ledger.log.verify", description=__doc__)
    usage.add_argument("url", help="the service's address, or a folder that `like-ledger log export` wrote")
    usage.add_argument("--state", type=Path, help="where to remember the log's key and newest checkpoint")
    usage.add_argument("--key", help="the log's verifier key, as /log/key says it: held to from the first run")
    usage.add_argument("--witness", action="append", default=[], help="a witness' key; again for each one")
    usage.add_argument("--witnesses-needed", type=int, help="how many of them must have cosigned; else all")
    usage.add_argument("--log-only", action="store_true", help="check the log alone, not the totals beside it")
    return usage


def parse_quorum(keys: Sequence[str], cosignatures_min: int | None) -> Quorum:
    """Return the witnesses that are asked for. MalformedKey if one is none, or more are needed than there are."""
    witnesses = tuple(dict.fromkeys(parse_witness_key(key.strip()) for key in keys))
    if cosignatures_min is not None and not 0 <= cosignatures_min <= len(witnesses):
        raise MalformedKey(f"{cosignatures_min} witnesses cannot be needed of {len(witnesses)}")
    return Quorum(witnesses, len(witnesses) if cosignatures_min is None else cosignatures_min)


def _show_progress(leaves_done: int, size: int) -> None:
    filled = _BAR_CHARS * leaves_done // max(1, size)
    end = "\n" if leaves_done == size else ""
    sys.stderr.write(f"\r[{'#' * filled:{_BAR_CHARS}}] {leaves_done:,} of {size:,} leaves{end}")
    sys.stderr.flush()


def format_result(result: VerificationResult) -> list[str]:
    """Return what was found, for people."""
    checkpoint = result.checkpoint
    lines = [f"TRUE: {checkpoint.origin}, {checkpoint.size:,} leaves, root {to_base64(checkpoint.root)}"]
    for slug, figures in sorted(result.figures.items()):
        told = ", ".join(f"{name} {figure}" for name, figure in figures._asdict().items())
        lines.append(f"  {slug}: {told}, remaining_minor {figures.remaining_minor}")
    lines += [f"Cosigned by {own.witness.name} at {_format_timestamp(own.timestamp)}." for own in result.cosignatures]
    lines.append(
        "Compared with the totals that are shown."
        if result.has_compared_totals
        else "There were no totals to compare with."
    )
    if result.is_first_run:
        key = format_verifier_key(result.state.key)
        lines.append(
            f"The key was taken on trust, this first time: {key}. Keep it with --state, or give it as --key."
        )
    return lines


def _format_timestamp(timestamp: int) -> str:
    try:
        return datetime.fromtimestamp(timestamp, UTC).isoformat()
    except (OverflowError, ValueError):  # a witness may sign a year that no calendar has
        return f"second {timestamp}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
