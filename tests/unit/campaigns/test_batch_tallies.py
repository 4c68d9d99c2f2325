"""The tallies of a batch survive their JSON, and the JSON keeps the form of stored batches."""

from collections import Counter
from datetime import date

import pytest

from campaigns.batch_tallies import BatchTallies, decode_tallies, encode_tallies

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


@pytest.mark.parametrize(
    ("tallies", "text"),
    [
        (BatchTallies({}, {}), '{"days":{},"refused":{}}'),
        (
            BatchTallies({MONDAY: Counter(counted=-1, withdrawn=1)}, {TUESDAY: {"too_late": 2}}),
            '{"days":{"2026-11-23":{"counted":-1,"withdrawn":1}},"refused":{"2026-11-24":{"too_late":2}}}',
        ),
    ],
)
def test_tallies_are_encoded_and_decoded(tallies: BatchTallies, text: str):
    assert encode_tallies(tallies) == text
    assert decode_tallies(text) == tallies
