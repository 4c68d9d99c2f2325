"""`python -m ledger.log.verify` on the command line: a progress bar, one sentence, status 0, 1 or 2."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ledger.log import seen as memory
from ledger.log.encoding import to_base64
from ledger.log.note import MalformedKey, format_verifier_key, parse_verifier_key
from ledger.log.source import Unreadable, source_of
from ledger.log.verify import Refuted, Verified, verify

_BAR_CHARS = 40


def main(words: Sequence[str]) -> int:
    """Check a log; return the exit status: 0 it is true, 1 it is not or cannot be read, 2 wrong usage."""
    given = _usage().parse_args(words)
    try:
        key = parse_verifier_key(given.key) if given.key else None
        before = memory.load(given.state) if given.state else None
        found = verify(source_of(given.url), before, key, _bar if sys.stderr.isatty() else None)
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
    return usage


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
    lines.append(
        "Compared with the totals that are shown." if found.compared else "There were no totals to compare with."
    )
    if found.is_first:
        key = format_verifier_key(found.seen.key)
        lines.append(
            f"The key was taken on trust, this first time: {key}. Keep it with --state, or give it as --key."
        )
    return lines
