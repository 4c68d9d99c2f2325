"""The verifier as a process that reports its time; or the same leaves hashed, as a yardstick.

python -m tests.bench.checker verify SOURCE      a folder or an address
python -m tests.bench.checker hash FOLDER
"""

import json
import resource
import sys
from hashlib import sha256
from pathlib import Path
from time import perf_counter

from ledger.log.checkpoint import open_checkpoint
from ledger.log.note import parse_verifier_key
from ledger.log.tiles import entries_in, new_bundles
from ledger.log.verify.source import open_source
from ledger.log.verify.verifier import verify_log


def hash_leaves(folder: Path) -> int:
    """Hash each leaf as in RFC 6962, and do nothing else; return their number."""
    key = parse_verifier_key((folder / "key").read_text().strip())
    size = open_checkpoint((folder / "checkpoint").read_bytes(), key).size
    for bundle in new_bundles(0, size):
        for entry in entries_in(bundle, (folder / bundle.path).read_bytes()):
            sha256(b"\x00" + entry).digest()
    return size


def main(task: str, source: str) -> None:
    """Run the task and print leaves, seconds and peak memory as JSON."""
    started = perf_counter()
    size = (
        hash_leaves(Path(source))
        if task == "hash"
        else verify_log(open_source(source), log_only=True).checkpoint.size
    )
    seconds = perf_counter() - started
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"leaves": size, "seconds": seconds, "peak_bytes": peak_bytes}), flush=True)  # noqa: T201 - read by the parent


if __name__ == "__main__":
    main(*sys.argv[1:])
