"""What a replay must remember of every transfer and batch, in a file and a few bits: memory stays bounded."""

import mmap
import struct
import tempfile
from typing import NamedTuple

_SLOT = struct.Struct(">16sqIB3x")  # id, amount in minor units, whose it is, whether it was corrected
_FIRST_SLOTS = 1 << 12
_CHUNK_BITS = 1 << 13
BATCH_MAX = 2**48


class SeenTransfer(NamedTuple):
    """A transfer that was seen: its place in the file, and what later leaves are held to."""

    slot: int
    amount_minor: int
    owner: int
    is_corrected: bool


class TransferTable:
    """Transfers by their ids (16 bytes): a hash table with open addressing in a temporary file.

    Between a quarter and half full, so 64 to 128 bytes a transfer, which the system may write out.
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
        """Return what is known of a transfer; None if it was never seen."""
        slot, held = self._probe(transfer)
        return SeenTransfer(slot, held[1], held[2], held[3] == 1) if held[0] == transfer and held[1] else None

    def add(self, transfer: bytes, amount_minor: int, owner: int) -> bool:
        """Remember a transfer; False if it was seen before."""
        slot, held = self._probe(transfer)
        if held[1]:
            return False
        _SLOT.pack_into(self._table, slot * _SLOT.size, transfer, amount_minor, owner, 0)
        self._used += 1
        if self._used * 2 > self._slots:
            self._grow()
        return True

    def mark_corrected(self, seen: SeenTransfer) -> None:
        """Remember that a transfer was corrected."""
        self._table[seen.slot * _SLOT.size + _SLOT.size - 4] = 1

    def _probe(self, transfer: bytes) -> tuple[int, tuple[bytes, int, int, int]]:
        """Return the transfer's slot, or the empty one where it would stand; an amount of 0 marks an empty one."""
        slot = int.from_bytes(transfer[8:], "big") % self._slots  # a hash: spread already, but for the version before
        while True:
            held = _SLOT.unpack_from(self._table, slot * _SLOT.size)
            if held[0] == transfer or not held[1]:
                return slot, held
            slot = (slot + 1) % self._slots

    def _grow(self) -> None:
        old = self._table
        self._slots *= 2
        self._table = self._allocate(self._slots)
        for held in _SLOT.iter_unpack(old):
            if held[1]:
                slot, _ = self._probe(held[0])
                _SLOT.pack_into(self._table, slot * _SLOT.size, *held)
        old.close()


class BatchBitmap:
    """The numbers of the batches that were seen, a bit each."""

    def __init__(self) -> None:
        self._chunks: dict[int, bytearray] = {}

    def add(self, batch: int) -> bool:
        """Remember a batch; False if it was seen before. They are numbered one by one, so the bits stand close."""
        chunk, bit = divmod(batch, _CHUNK_BITS)
        bits = self._chunks.setdefault(chunk, bytearray(_CHUNK_BITS // 8))
        byte, mask = bit >> 3, 1 << (bit & 7)
        if bits[byte] & mask:
            return False
        bits[byte] |= mask
        return True
