"""Refuse to sign a second history: a head must extend every head that was signed before.

The database alone cannot know this after a restore or a failover. So the guard compares it with the
signer's memory (`head_memory.py`), and with views from outside: witnesses and a published copy
(`ops/decisions/0027-the-signers-memory.md`).
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import EMPTY_ROOT, read_root, root_nodes
from ledger.log.note import VerifierKey, format_verifier_key, parse_verifier_key
from ledger.log.tiles import TILE_WIDTH, Tile, hashes_in
from ledger.log.verify.state import VerifierState
from ledger.publication.head_memory import HeadMemory
from ledger.publication.refusals import BrokenTree, SigningRefused
from ledger.publication.store import load_hash_reader, newest_head, read_tiles
from sql import Connection, Pool, query

HASHES_MAX = 1 << 16  # of one step: a memory that is created from a large log begins with its newest leaves

_FIND_LOG_IDENTITY = query("find_log_identity")
_FIND_NEWEST_HEAD = query("find_newest_head")
_FIND_SUCCESSION = query("find_succession")


class OutsideView(Protocol):
    """A place outside the database that has seen heads of the log."""

    async def compare(self, pool: Pool) -> bool:
        """Compare the database with the view; return whether the view gave an answer.

        Raises SigningRefused if it has seen a head that the database does not extend.
        """


class SigningGuard:
    """Compares the database with every known head; `refusal` is the reason not to go on."""

    def __init__(self, memory: HeadMemory, views: Sequence[OutsideView] = ()) -> None:
        self.memory = memory
        self.refusal: SigningRefused | None = None
        self.reported: str | None = None  # the refusal that was logged
        self._standing_refusal: SigningRefused | None = None  # of the last comparison
        self._views = views
        self._view_refusals: dict[int, SigningRefused] = {}  # by view; each stays until the view agrees
        self._newest: VerifierState | None = None  # outlives a deleted file

    async def compare(self, pool: Pool) -> bool:
        """Compare the database with the memory and with every view; return whether a memory was created.

        Raises SigningRefused if the database does not extend a head seen there.
        """
        try:
            await self._compare_views(pool)
            async with pool.acquire() as conn:
                await self._require_history(conn)
                was_created = await self._create_memory(conn)
        except SigningRefused as refusal:
            self.refusal = self._standing_refusal = refusal
            raise
        self.refusal = self._standing_refusal = None
        return was_created

    async def _compare_views(self, pool: Pool) -> None:
        answers = await asyncio.gather(*(self._compare_view(pool, number) for number in range(len(self._views))))
        for refusal in self._view_refusals.values():
            raise _again(refusal)
        if not self._views or any(answers) or self._read_memory() is not None:
            return
        async with pool.acquire() as conn:
            head = await newest_head(conn)
        if head is not None and head.size:
            raise SigningRefused("log_state_unconfirmed", file=str(self.memory.file), size_number=head.size)

    async def _compare_view(self, pool: Pool, number: int) -> bool:
        """Compare with one view; return whether it answered."""
        try:
            answered = await self._views[number].compare(pool)
        except SigningRefused as refusal:
            self._view_refusals[number] = refusal
            return True
        if answered:
            self._view_refusals.pop(number, None)
        return answered

    async def require_history(self, conn: Connection) -> None:
        """Check that the database extends the remembered head, without asking anybody outside.

        Raises SigningRefused if it does not. Joins the caller's transaction.
        """
        try:
            if self._standing_refusal is not None:
                raise _again(self._standing_refusal)
            await self._require_history(conn)
        except SigningRefused as refusal:
            self.refusal = refusal
            raise
        self.refusal = None

    async def _require_history(self, conn: Connection) -> None:
        state, verifier_key = self._read_memory(), await conn.fetchval(_FIND_LOG_IDENTITY)
        if state is None or verifier_key is None:
            return
        file, remembered_key = str(self.memory.file), format_verifier_key(state.key)
        if remembered_key != verifier_key:
            if await self._has_succeeded(conn, state):
                return
            raise SigningRefused(
                "log_state_of_another_key", file=file, remembered_key=remembered_key, stored_key=verifier_key
            )
        await require_extension(conn, state.checkpoint, file)

    async def _has_succeeded(self, conn: Connection, state: VerifierState) -> bool:
        """Tell whether the database's log succeeds the remembered one, with all that was remembered."""
        size = await conn.fetchval(_FIND_SUCCESSION, format_verifier_key(state.key))
        return size is not None and size >= state.checkpoint.size

    async def remember(self, conn: Connection, key: VerifierKey, note: bytes) -> None:
        """Store a signed head in the memory if it is newer; the caller holds the memory's lock."""
        remembered, state = self.memory.read(), VerifierState(key, note)
        is_same_log = remembered is not None and remembered.key == key
        old_size = remembered.checkpoint.size if remembered is not None and is_same_log else 0
        if not is_same_log or old_size < state.checkpoint.size:
            if not is_same_log:
                self.memory.forget_hashes()
            first = max(old_size, state.checkpoint.size - HASHES_MAX)
            await self.memory.append_hashes(first, await read_leaf_hashes(conn, first, state.checkpoint.size))
            await self.memory.write(state)
        self._newest = state

    async def _create_memory(self, conn: Connection) -> bool:
        """Create a missing memory from the database's newest signed head."""
        with self.memory.lock() as is_held:
            if not is_held or self.memory.read() is not None:
                return False
            head, verifier_key = await newest_head(conn), await conn.fetchval(_FIND_LOG_IDENTITY)
            if head is None:
                return False
            await self.remember(conn, parse_verifier_key(verifier_key), head.log_note)
            return head.size > 0

    def _read_memory(self) -> VerifierState | None:
        return self.memory.read() or self._newest


def _again(refusal: SigningRefused) -> SigningRefused:
    """Return the same refusal without its traceback, which each raise makes longer."""
    return SigningRefused(refusal.code, **refusal.params)


async def require_extension(conn: Connection, seen: Checkpoint, source: str) -> None:
    """Check that the database's tree extends a checkpoint that `source` has seen.

    Raises SigningRefused if it does not, BrokenTree if a tile is missing.
    """
    row = await conn.fetchrow(_FIND_NEWEST_HEAD)
    size = row["size"] if row else 0
    if size < seen.size:
        raise SigningRefused("log_rolled_back", size_number=size, seen_number=seen.size, source=source)
    if await read_root_at(conn, seen.size) != seen.root:
        raise SigningRefused("log_forked", seen_number=seen.size, source=source)


async def read_leaf_hashes(conn: Connection, first: int, end: int) -> list[bytes]:
    """Return the hashes of the leaves from `first` up to, but without, `end`.

    Raises BrokenTree if a tile is missing.
    """
    rows = range(first // TILE_WIDTH, (end + TILE_WIDTH - 1) // TILE_WIDTH)
    tiles = [Tile(0, row, min(TILE_WIDTH, end - row * TILE_WIDTH)) for row in rows]
    contents = await read_tiles(conn, tiles)
    if len(contents) < len(tiles):
        raise BrokenTree(f"a tile of the tree of {end} leaves is missing")
    hashes = [value for tile in tiles for value in hashes_in(tile, contents[tile])]
    return hashes[first - rows.start * TILE_WIDTH :] if tiles else []


async def read_root_at(conn: Connection, size: int) -> bytes:
    """Return the root of the database's first `size` leaves.

    Raises BrokenTree if a tile is missing.
    """
    if not size:
        return EMPTY_ROOT
    try:
        return read_root(await load_hash_reader(conn, root_nodes(size), size), size)
    except (KeyError, ValueError) as error:
        raise BrokenTree(f"a tile of the tree of {size} leaves is missing or malformed: {error}") from None
