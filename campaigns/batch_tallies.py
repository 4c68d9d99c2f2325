"""The tallies of a batch as JSON.

`campaigns.intake` writes them, `campaigns.pledging` folds them into day counts.
"""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import orjson

CountsByDay = Mapping[date, Mapping[str, int]]


class BatchTallies(NamedTuple):
    """How a batch changes the counts of its campaign."""

    days: CountsByDay  # campaign day → state, or `duplicate` → change of the number of likes
    refused: CountsByDay  # campaign day → outcome → likes refused before the table


def encode_tallies(tallies: BatchTallies) -> str:
    """Return the JSON of a batch's tallies: `{"days": {"2026-11-23": {…}}, "refused": {}}`."""
    return orjson.dumps(tallies._asdict(), option=orjson.OPT_NON_STR_KEYS).decode()


def decode_tallies(text: str) -> BatchTallies:
    """Return the tallies that `encode_tallies` wrote."""
    fields = orjson.loads(text)
    return BatchTallies(days=_parse_days(fields["days"]), refused=_parse_days(fields["refused"]))


def _parse_days(counts_by_day: Mapping[str, Mapping[str, int]]) -> CountsByDay:
    return {date.fromisoformat(day): counts for day, counts in counts_by_day.items()}
