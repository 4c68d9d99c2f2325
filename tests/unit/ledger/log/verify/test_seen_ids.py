"""The replay's table and bitmap remember the same as a dictionary and a set."""

from random import Random
from uuid import NAMESPACE_URL, uuid5

import pytest

from ledger.log.verify.seen_ids import BatchBitmap, TransferTable

IDS = [uuid5(NAMESPACE_URL, str(n)).bytes for n in range(20_000)]


def test_transfers_are_found_however_many_there_are():
    table = TransferTable()
    for number, transfer in enumerate(IDS, 1):
        assert table.find(transfer) is None
        assert table.add(transfer, number, number % 7)
    for number, transfer in enumerate(IDS, 1):
        entry = table.find(transfer)
        assert entry is not None
        assert entry[1:] == (number, number % 7, False)
        assert not table.add(transfer, number, 0)


def test_a_transfer_takes_128_bytes_at_most():
    table = TransferTable()
    for number, transfer in enumerate(IDS, 1):
        table.add(transfer, 1, 0)
        assert len(table._table) <= max(128 * (number + 1), 128 * 1024), number


def test_a_transfer_is_corrected_once_and_stays_so_when_the_table_grows():
    table = TransferTable()
    for transfer in IDS[:100]:
        table.add(transfer, 2**53 - 1, 2**32 - 1)
    first = table.find(IDS[5])
    assert first is not None
    table.mark_corrected(first)
    for transfer in IDS[100:]:
        table.add(transfer, 1, 0)
    entry = table.find(IDS[5])
    assert entry is not None
    assert entry[1:] == (2**53 - 1, 2**32 - 1, True)
    assert not any(other.is_corrected for id_ in IDS[6:99] if (other := table.find(id_)))


def test_ids_spread_over_the_table():
    """UUIDs have constant bits; a hash that uses them would make probes long."""
    table = TransferTable()
    for transfer in IDS:
        table.add(transfer, 1, 0)
    farthest = 0
    for transfer in IDS:
        entry = table.find(transfer)
        assert entry is not None
        farthest = max(farthest, (entry.slot - int.from_bytes(transfer[8:], "big")) % table._slots)
    assert farthest < 100


@pytest.mark.parametrize("highest", [10, 100_000, 2**48])
def test_batches_are_remembered(highest: int):
    generator, bitmap, seen = Random(7), BatchBitmap(), set[int]()
    for _ in range(500):
        batch = generator.randint(1, highest)
        assert bitmap.add(batch) is (batch not in seen)
        seen.add(batch)
