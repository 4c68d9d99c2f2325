"""The results of a replay: line, webhook, index, outcome and receipt of each like, as NDJSON."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import orjson

from ops.replay.batches import Batch
from ops.replay.output import OrderedOutput


@contextmanager
def write_results(stream: TextIO) -> Iterator[Callable[[Batch, bytes], None]]:
    """Yield a function that writes the results of a batch's answer, in the order of the file."""
    output = OrderedOutput(stream)

    def write(batch: Batch, answer: bytes) -> None:
        output.add(batch.sequence, render_results(batch, orjson.loads(answer)["results"]))

    try:
        yield write
    finally:
        output.write_rest()


def render_results(batch: Batch, results: list[dict[str, Any]]) -> str:
    """Return a line for each like of a batch. Pure.

    An answer that lists exceptions only lists all likes that are not counted.
    """
    by_index = {result["index"]: result for result in results}
    rows = [
        {
            "line": line,
            "delivery": batch.webhook_id,
            "index": index,
            "outcome": by_index.get(index, {}).get("outcome", "counted"),
            "receipt": by_index.get(index, {}).get("receipt"),
        }
        for index, line in enumerate(batch.lines)
    ]
    return "".join(f"{orjson.dumps(row).decode()}\n" for row in rows)
