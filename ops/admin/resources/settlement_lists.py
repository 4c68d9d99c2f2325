"""Lists of settlements and payouts, newest first, and one settlement with all that its hash is of."""

from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.catalogue import cache
from campaigns.errors import NotFound
from ledger.settlements.model import EnvelopeState, envelopes
from ledger.settlements.payout_steps import State
from ops.admin.core.actor import ROLES, Role
from ops.admin.core.command import Desk, may
from ops.admin.core.pagination import TEXT, Listing, Query, Reading, moment, name, one_of
from ops.admin.resources.settlement_views import (
    SettlementInFull,
    ShownPayout,
    ShownSettlement,
    settlement_in_full,
    shown_payout,
    shown_settlement,
)
from sql import query

_LIST_SETTLEMENTS = query("list_settlements")
_LIST_PAYOUTS = query("list_payouts")
_READ_APPROVALS = query("read_approvals")

_ALL: frozenset[Role] = frozenset(ROLES)
_SEE_ACCOUNTS: frozenset[Role] = frozenset({"finance", "auditor"})
_WAITING = {EnvelopeState.OPEN, EnvelopeState.APPROVED}  # one stage for the database, which cannot tell them apart


async def _list_settlements(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    """Of those that wait only some are `open`: so it looks on until there are enough."""
    state, found = asked.filters.get("state"), list[Mapping[str, Any]]()
    stage = "waiting" if state in _WAITING else state
    after = asked.after or (None, None)
    while True:
        rows = await desk.conn.fetch(_LIST_SETTLEMENTS, *after, asked.limit, asked.filters.get("campaign"), stage)
        ids = [row["settlement_id"] for row in rows]
        fitting = [row for row in await _rows(desk, ids) if state in (None, row["state"])]
        found += fitting
        if len(found) >= asked.limit or len(rows) < asked.limit:
            return found[: asked.limit]
        after = rows[-1]["made_at"], rows[-1]["settlement_id"]


async def _rows(desk: Desk, ids: Sequence[str]) -> list[ShownSettlement]:
    known = (await cache.read(desk.conn, desk.keys.pseudonym)).campaigns
    held = {e.settlement_id: e for e in await envelopes(desk.conn, among=ids)}
    return [shown_settlement(known[held[i].campaign], held[i]) for i in ids]


async def _list_payouts(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    wanted = (asked.filters.get(each) for each in ("campaign", "charity", "state"))
    after = asked.after or (None, None)
    rows = await desk.conn.fetch(_LIST_PAYOUTS, *after, asked.limit, *wanted)
    known = (await cache.read(desk.conn, desk.keys.pseudonym)).campaigns
    held = await envelopes(desk.conn, among=list({row["settlement_id"] for row in rows}))
    payouts = {p.payout_id: (e, p) for e in held for p in e.payouts}
    return [shown_payout(known[e.campaign], e, p) for e, p in (payouts[row["payout_id"]] for row in rows)]


async def _read(desk: Desk, settlement_id: str) -> SettlementInFull:
    found = await envelopes(desk.conn, settlement_id=settlement_id)
    if not found:
        raise NotFound(f"there is no settlement {settlement_id!r}")
    known = (await cache.read(desk.conn, desk.keys.pseudonym)).campaigns
    rows = await desk.conn.fetch(_READ_APPROVALS, [settlement_id])
    given = [(row["person"], row["at"], row["hash"]) for row in rows]
    sees = may(desk.actor, _SEE_ACCOUNTS)
    return settlement_in_full(known[found[0].campaign], found[0], given, with_accounts=sees)


LISTINGS: tuple[Listing, ...] = (
    Listing(
        "settlements",
        "/settlements",
        "What was settled, newest first, and where it is",
        _ALL,
        {"campaign": TEXT, "state": one_of(EnvelopeState)},
        _list_settlements,
        lambda row: (row["made_at"], row["settlement"]),
        (moment, name),
        ShownSettlement,
    ),
    Listing(
        "payouts",
        "/payouts",
        "What goes to charities, that of the newest settlement first",
        _ALL,
        {"campaign": TEXT, "charity": TEXT, "state": one_of(State)},
        _list_payouts,
        lambda row: (row["made_at"], row["payout"]),
        (moment, name),
        ShownPayout,
    ),
)
READINGS: tuple[Reading, ...] = (
    Reading(
        "/settlements/{settlement}",
        "One settlement: all that its hash is of, who approved it, where each payout is; accounts for finance",
        _ALL,
        _read,
        SettlementInFull,
    ),
)
