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
from ledger.log.verify.source import Unreadable, source_of
from ledger.log.verify.verifier import Refuted, Verified, verify

_BAR_CHARS = 40


def main(words: Sequence[str]) -> int:
    """Check a log; return the exit status: 0 it is true, 1 it is not or cannot be read, 2 wrong usage."""
    given = _usage().parse_args(words)
    try:
        key = parse_verifier_key(given.key) if given.key else None
        before = memory.load(given.state) if given.state else None
        asked = quorum(given.witness, given.witnesses_needed)
        bar = _bar if sys.stderr.isatty() else None
        found = verify(source_of(given.url), before, key, bar, asked, log_only=given.log_only)
    except (Refuted, Unreadable, MalformedKey, memory.BrokenState) as fault:
        sys.stderr.write(f"FALSE: {fault}\n" if isinstance(fault, Refuted) else f"{fault}\n")
        return 1
    if given.state:
        memory.save(given.state, found.seen)
    sys.stdout.write("\n".join(sentences(found)) + "\n")
    return 0


def _usage() -> argparse.ArgumentParser:
    usage = argparse.ArgumentParser("python -m ledger.log.verify", description=__doc__)
    usage.add_argument("url", help="the service's address, or a folder that `like-ledger log export` wrote")
    usage.add_argument("--state", type=Path, help="where to remember the log's key and newest checkpoint")
    usage.add_argument("--key", help="the log's verifier key, as /log/key says it: held to from the first run")
    usage.add_argument("--witness", action="append", default=[], help="a witness' key; again for each one")
    usage.add_argument("--witnesses-needed", type=int, help="how many of them must have cosigned; else all")
    usage.add_argument("--log-only", action="store_true", help="check the log alone, not the totals beside it")
    return usage


def quorum(keys: Sequence[str], needed: int | None) -> Quorum:
    """Return the witnesses that are asked for. MalformedKey if one is none, or more are needed than there are."""
    witnesses = tuple(dict.fromkeys(parse_witness_key(key.strip()) for key in keys))
    if needed is not None and not 0 <= needed <= len(witnesses):
        raise MalformedKey(f"{needed} witnesses cannot be needed of {len(witnesses)}")
    return Quorum(witnesses, len(witnesses) if needed is None else needed)


def _bar(done: int, size: int) -> None:
    filled = _BAR_CHARS * done // max(1, size)
    end = "\n" if done == size else ""
    sys.stderr.write(f"\r[{'#' * filled:{_BAR_CHARS}}] {done:,} of {size:,} leaves{end}")
    sys.stderr.flush()


def sentences(found: Verified) -> list[str]:
    """Return what was found, for people."""
    checkpoint = found.checkpoint
    lines = [f"TRUE: {checkpoint.origin}, {checkpoint.size:,} leaves, root {to_base64(checkpoint.root)}"]
    for slug, figures in sorted(found.figures.items()):
        told = ", ".join(f"{name} {figure}" for name, figure in figures._asdict().items())
        lines.append(f"  {slug}: {told}, remaining_minor {figures.remaining_minor}")
    lines += [f"Cosigned by {own.witness.name} at {_moment(own.timestamp)}." for own in found.cosigned]
    lines.append(
        "Compared with the totals that are shown." if found.compared else "There were no totals to compare with."
    )
    if found.is_first:
        key = format_verifier_key(found.seen.key)
        lines.append(
            f"The key was taken on trust, this first time: {key}. Keep it with --state, or give it as --key."
        )
    return lines


def _moment(timestamp: int) -> str:
    try:
        return datetime.fromtimestamp(timestamp, UTC).isoformat()
    except (OverflowError, ValueError):  # a witness may sign a year that no calendar has
        return f"second {timestamp}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
