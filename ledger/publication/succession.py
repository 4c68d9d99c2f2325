"""Succeed a log that cannot go on: a new key and origin, the old head named first, every leaf again.

All of it is one transaction of the database's owner, whom alone the log's tables obey. After a
crash nothing has changed. Leaves are stored as they were, except `terms` of version 1: these showed
full account numbers, and are repeated with hashes. Receipts need no change: their `count` leaves
are the same bytes, and the service proves them by the new checkpoints.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from ledger.log.account_hash import TERMS_VERSION, list_accounts, upgrade_terms
from ledger.log.canonical import canonical_bytes
from ledger.log.checkpoint import Checkpoint
from ledger.log.leaf_schemas import read_leaf
from ledger.log.merkle import EMPTY_ROOT, leaf_hash
from ledger.log.note import Signer, format_verifier_key, parse_verifier_key
from ledger.log.succession import Succession, build_leaves, sign_statement
from ledger.log.verify.state import VerifierState
from ledger.log.verify.succession import RootAccumulator
from ledger.publication.account_salts import ensure_salts
from ledger.publication.outbox import leaf_body
from ledger.publication.refusals import LogRefused
from ledger.publication.sequencer import append_leaves
from ledger.publication.signing_guard import read_leaf_hashes, read_root_at
from ledger.publication.store import newest_head
from sql import Connection, query

_LEAVES_MAX = 16_384  # of one step: a step reads the whole queue once

_FIND_LOG_IDENTITY = query("find_log_identity")
_FIND_NEWEST_HEAD = query("find_newest_head")
_LOCK_LOG = query("lock_log")
_UNLOCK_LOG_HISTORY = query("unlock_log_history")
_LOCK_LOG_HISTORY = query("lock_log_history")
_REQUEUE_LEAVES = query("requeue_leaves")
_EMPTY_LOG = query("empty_log")
_REPLACE_LOG_IDENTITY = query("replace_log_identity")
_ADD_EMPTY_HEAD = query("add_empty_head")
_ADD_SUCCESSION = query("add_succession")
_ADD_FIRST_LEAF = query("add_first_leaf")
_LIST_OLD_TERMS = query("list_old_terms")
_REPLACE_LEAF_BODY = query("replace_leaf_body")
_COUNT_LEAVES = query("count_leaves")

OnProgress = Callable[[int], None]  # leaves appended so far


class SuccessionPlan(NamedTuple):
    """The log to be succeeded: its newest known head, and what the database still has of it."""

    last: VerifierState
    kept: int  # leaves of the old log that the successor repeats
    lost_hashes: Mapping[int, bytes]  # of old leaves that the database lacks, as far as known, by index
    hashed_terms: int  # leaves with account numbers, which are repeated with hashes
    leaf_count: int  # of the successor, without those that name the old log

    @property
    def lost(self) -> int:
        """The number of old leaves that the database lacks."""
        return self.last.checkpoint.size - self.kept


async def plan_succession(
    conn: Connection, candidates: list[VerifierState], copied_hashes: Mapping[int, bytes]
) -> SuccessionPlan:
    """Return what succeeding the database's log means; `candidates` are heads known outside.

    `copied_hashes` are leaf hashes of a published copy, by index. Raises LogRefused if there is no
    log.
    """
    head, verifier_key = await newest_head(conn), await conn.fetchval(_FIND_LOG_IDENTITY)
    if head is None:
        raise LogRefused("log_not_created")
    key = parse_verifier_key(verifier_key)
    heads = [VerifierState(key, head.log_note), *(c for c in candidates if c.key == key)]
    last = max(heads, key=lambda state: state.checkpoint.size)
    kept = await _count_kept(conn, last, copied_hashes)
    lost_hashes = await _prove_lost(conn, last.checkpoint, kept, copied_hashes)
    if head.size >= last.checkpoint.size > kept and not lost_hashes:
        kept = 0  # another tree, and nothing proves how much of it is the same
    rows = await conn.fetch(_LIST_OLD_TERMS)
    hashed = sum(read_leaf(row["body"])["v"] < TERMS_VERSION for row in rows)
    return SuccessionPlan(last, kept, lost_hashes, hashed, await conn.fetchval(_COUNT_LEAVES))


async def _count_kept(conn: Connection, last: VerifierState, copied_hashes: Mapping[int, bytes]) -> int:
    """Return how many leaves the database and the old log have in common, as far as can be proven."""
    size, seen = await conn.fetchval(_FIND_NEWEST_HEAD), last.checkpoint
    if size >= seen.size and await read_root_at(conn, seen.size) == seen.root:
        return seen.size
    common = min(size, seen.size)
    own = await read_leaf_hashes(conn, 0, common)
    if not copied_hashes:
        return common if size < seen.size else 0  # another tree: nothing is known to be the same
    return next((n for n, value in enumerate(own) if copied_hashes.get(n, value) != value), common)


async def _prove_lost(
    conn: Connection, last: Checkpoint, kept: int, copied_hashes: Mapping[int, bytes]
) -> dict[int, bytes]:
    """Return the hashes of the lost leaves, if all are known and lead to the last root; else none."""
    lost = {index: copied_hashes[index] for index in range(kept, last.size) if index in copied_hashes}
    tree = RootAccumulator()
    for value in (*await read_leaf_hashes(conn, 0, kept), *lost.values()):
        tree.add(value)
    return lost if (tree.size, tree.root()) == (last.size, last.root) else {}


async def succeed_log(
    conn: Connection,
    plan: SuccessionPlan,
    successor: Signer,
    old_signer: Signer | None,
    now: datetime,
    on_progress: OnProgress = lambda _: None,
) -> None:
    """Replace the database's log by its successor, unsigned. Joins the transaction of the owner.

    `old_signer` states that `successor` goes on; None if the old key is lost. Raises LogRefused if
    the new key or origin is the old one.
    """
    old_key = plan.last.key
    if successor.verifier_key.name == old_key.name or successor.verifier_key.public_key == old_key.public_key:
        raise LogRefused("log_successor_not_new", key=format_verifier_key(old_key))
    await conn.execute(_LOCK_LOG)
    await conn.execute(_UNLOCK_LOG_HISTORY)
    changed = await _hash_accounts(conn)
    await conn.execute(_REQUEUE_LEAVES)
    await conn.execute(_EMPTY_LOG)
    await conn.execute(_REPLACE_LOG_IDENTITY, format_verifier_key(successor.verifier_key))
    await _name_old_log(conn, plan, changed, successor, old_signer, now)
    await conn.execute(_LOCK_LOG_HISTORY)
    await conn.execute(_ADD_EMPTY_HEAD, EMPTY_ROOT, now)
    appended = 0
    while count := await append_leaves(conn, now, _LEAVES_MAX):
        appended += count
        on_progress(appended)


async def _hash_accounts(conn: Connection) -> dict[int, bytes]:
    """Replace account numbers in leaves by hashes; return the old hash of each leaf that was in the log."""
    changed: dict[int, bytes] = {}
    for row in await conn.fetch(_LIST_OLD_TERMS):
        leaf = read_leaf(row["body"])
        if leaf["v"] >= TERMS_VERSION:
            continue
        salts = await ensure_salts(conn, list_accounts(leaf["promise"]))
        await conn.execute(_REPLACE_LEAF_BODY, row["leaf_id"], canonical_bytes(upgrade_terms(leaf, salts)))
        if row["leaf_index"] is not None:
            changed[row["leaf_index"]] = leaf_hash(row["body"])
    return changed


async def _name_old_log(
    conn: Connection,
    plan: SuccessionPlan,
    changed: Mapping[int, bytes],
    successor: Signer,
    old_signer: Signer | None,
    now: datetime,
) -> None:
    """Queue the leaves that name the old log before all others, and store the succession."""
    last, key = plan.last.checkpoint, successor.verifier_key
    statement = sign_statement(old_signer, last, key) if old_signer is not None else None
    hashes = {**{index: value for index, value in changed.items() if index < plan.kept}, **plan.lost_hashes}
    leaves = build_leaves(Succession(plan.last.key, last, plan.kept, hashes, statement), plan.last.note)
    for number, members in reversed(list(enumerate(leaves))):
        subject = f"succession/{format_verifier_key(plan.last.key)}/{number}"
        await conn.execute(_ADD_FIRST_LEAF, "succession", subject, leaf_body("succession", members))
    await conn.execute(
        _ADD_SUCCESSION,
        format_verifier_key(plan.last.key),
        format_verifier_key(key),
        last.size,
        last.root,
        plan.kept,
        now,
    )
