"""Transfers and batches seen by a replay, kept in a file and a bitmap to bound memory."""

import mmap
import struct
import tempfile
from typing import NamedTuple

_SLOT = struct.Struct(">16sqIB3x")  # id, amount in minor units, owner, is corrected
_FIRST_SLOTS = 1 << 12
_CHUNK_BITS = 1 << 13
BATCH_MAX = 2**48


class SeenTransfer(NamedTuple):
    """A transfer in the table: its slot, and the values that corrections are checked against."""

    slot: int
    amount_minor: int
    owner: int
    is_corrected: bool


class TransferTable:
    """Transfers by 16-byte id: a hash table with open addressing in a memory-mapped temporary file.

    It is a quarter to half full: 64 to 128 bytes a transfer, which the system can page out.
    """

    def __init__(self) -> None:
        self._slots, self._used = _FIRST_SLOTS, 0
        self._table = self._allocate(self._slots)

    @staticmethod
    def _allocate(slots: int) -> mmap.mmap:
        with tempfile.TemporaryFile() as file:
            file.truncate(slots * _SLOT.size)
            return mmap.mmap(file.fileno(), slots * _SLOT.size)

    def find(self, transfer: bytes) -> SeenTransfer | None:
        """Return a transfer; None if it was not added."""
        slot, entry = self._probe(transfer)
        return SeenTransfer(slot, entry[1], entry[2], entry[3] == 1) if entry[0] == transfer and entry[1] else None

    def add(self, transfer: bytes, amount_minor: int, owner: int) -> bool:
        """Add a transfer. Return False if it was added before."""
        slot, entry = self._probe(transfer)
        if entry[1]:
            return False
        _SLOT.pack_into(self._table, slot * _SLOT.size, transfer, amount_minor, owner, 0)
        self._used += 1
        if self._used * 2 > self._slots:
            self._grow()
        return True

    def mark_corrected(self, seen: SeenTransfer) -> None:
        """Mark a transfer as corrected."""
        self._table[seen.slot * _SLOT.size + _SLOT.size - 4] = 1

    def _probe(self, transfer: bytes) -> tuple[int, tuple[bytes, int, int, int]]:
        """Return the transfer's slot, or its empty slot; an amount of 0 marks empty slots."""
        slot = (
            int.from_bytes(transfer[8:], "big") % self._slots
        )  # a UUID5 is uniform but for its version bits, which these 8 bytes exclude
        while True:
            entry = _SLOT.unpack_from(self._table, slot * _SLOT.size)
            if entry[0] == transfer or not entry[1]:
                return slot, entry
            slot = (slot + 1) % self._slots

    def _grow(self) -> None:
        old = self._table
        self._slots *= 2
        self._table = self._allocate(self._slots)
        for entry in _SLOT.iter_unpack(old):
            if entry[1]:
                slot, _ = self._probe(entry[0])
                _SLOT.pack_into(self._table, slot * _SLOT.size, *entry)
        old.close()


class BatchBitmap:
    """The numbers of the batches seen, one bit each."""

    def __init__(self) -> None:
        self._chunks: dict[int, bytearray] = {}

    def add(self, batch: int) -> bool:
        """Add a batch; return False if it was added before. Consecutive numbers share a chunk."""
        chunk, bit = divmod(batch, _CHUNK_BITS)
        bits = self._chunks.setdefault(chunk, bytearray(_CHUNK_BITS // 8))
        byte, mask = bit >> 3, 1 << (bit & 7)
        if bits[byte] & mask:
            return False
        bits[byte] |= mask
        return True
