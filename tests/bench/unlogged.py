"""The service without its public log, for comparison: `python -m tests.bench.unlogged serve …`.

No leaf hash and no root of a batch, no queued leaf, no sequencer. The rest is unchanged. The
product has no setting for this.
"""

from typing import Any

from campaigns.catalogue import apply_promise
from campaigns.intake import batch
from campaigns.intake.batch_tree import Tree
from campaigns.pledging import budget, pledge
from ledger.accounting import journal
from ledger.log.merkle import EMPTY_ROOT
from ledger.settlements import payout_steps, settle
from ops import jobs
from ops.cli import main
from sql import Connection


def _no_tree(*_: object) -> Tree:
    return Tree(EMPTY_ROOT, b"", [])


async def _no_leaf(_: Connection, *__: object) -> None:
    """Queue nothing."""


async def _no_count(*_: Any) -> None:
    """Queue no count leaf."""


async def _no_sequence(_: jobs.Jobs) -> None:
    """Sign nothing."""


def disable_log() -> None:
    """Replace the log's functions in this process."""
    setattr(batch, "build_tree", _no_tree)  # noqa: B010 - mypy refuses to assign to a function
    setattr(pledge, "_enqueue_count_leaves", _no_count)  # noqa: B010
    setattr(jobs.Jobs, "sequence", _no_sequence)  # noqa: B010
    for module in (budget, journal, payout_steps, pledge, apply_promise, settle):
        if not hasattr(module, "enqueue_leaf"):
            raise AttributeError(f"{module.__name__} no longer has enqueue_leaf")
        setattr(module, "enqueue_leaf", _no_leaf)  # noqa: B010


if __name__ == "__main__":
    disable_log()
    main()
