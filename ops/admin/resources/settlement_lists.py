"""Lists of settlements and payouts, newest first, and one settlement with all that its hash is of."""

from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.catalogue import cache
from campaigns.errors import NotFound
from ledger.settlements.model import SettlementState, list_settlements
from ledger.settlements.payout_steps import PayoutState
from ops.admin.core.actor import ROLES, Role
from ops.admin.core.command import CommandContext, is_allowed
from ops.admin.core.pagination import (
    TEXT,
    DetailEndpoint,
    ListEndpoint,
    ListQuery,
    choice_filter,
    parse_instant,
    parse_name,
)
from ops.admin.resources.settlement_views import (
    PayoutView,
    SettlementDetail,
    SettlementView,
    payout_view,
    settlement_detail,
    settlement_view,
)
from sql import query

_LIST_SETTLEMENTS = query("list_settlements")
_LIST_PAYOUTS = query("list_payouts")
_READ_APPROVALS = query("read_approvals")

_ALL_ROLES: frozenset[Role] = frozenset(ROLES)
_ACCOUNT_ROLES: frozenset[Role] = frozenset({"finance", "auditor"})
_PENDING_STATES = {
    SettlementState.OPEN,
    SettlementState.APPROVED,
}  # one stage for the database, which cannot tell them apart


async def _list_settlements(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    """Of those that wait only some are `open`: so it looks on until there are enough."""
    state, found = list_query.filters.get("state"), list[Mapping[str, Any]]()
    stage = "waiting" if state in _PENDING_STATES else state
    after = list_query.after or (None, None)
    while True:
        rows = await context.conn.fetch(
            _LIST_SETTLEMENTS, *after, list_query.limit, list_query.filters.get("campaign"), stage
        )
        ids = [row["settlement_id"] for row in rows]
        fitting = [row for row in await _settlement_rows(context, ids) if state in (None, row["state"])]
        found += fitting
        if len(found) >= list_query.limit or len(rows) < list_query.limit:
            return found[: list_query.limit]
        after = rows[-1]["made_at"], rows[-1]["settlement_id"]


async def _settlement_rows(context: CommandContext, ids: Sequence[str]) -> list[SettlementView]:
    known = await cache.read_campaigns(context.conn, context.keys.pseudonym)
    held = {e.settlement_id: e for e in await list_settlements(context.conn, settlement_ids=ids)}
    return [settlement_view(known[held[i].campaign], held[i]) for i in ids]


async def _list_payouts(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    wanted = (list_query.filters.get(each) for each in ("campaign", "charity", "state"))
    after = list_query.after or (None, None)
    rows = await context.conn.fetch(_LIST_PAYOUTS, *after, list_query.limit, *wanted)
    known = await cache.read_campaigns(context.conn, context.keys.pseudonym)
    held = await list_settlements(context.conn, settlement_ids=list({row["settlement_id"] for row in rows}))
    payouts = {p.payout_id: (e, p) for e in held for p in e.payouts}
    return [payout_view(known[e.campaign], e, p) for e, p in (payouts[row["payout_id"]] for row in rows)]


async def _read_settlement(context: CommandContext, settlement_id: str) -> SettlementDetail:
    found = await list_settlements(context.conn, settlement_id=settlement_id)
    if not found:
        raise NotFound(f"there is no settlement {settlement_id!r}")
    known = await cache.read_campaigns(context.conn, context.keys.pseudonym)
    rows = await context.conn.fetch(_READ_APPROVALS, [settlement_id])
    given = [(row["person"], row["at"], row["hash"]) for row in rows]
    sees = is_allowed(context.actor, _ACCOUNT_ROLES)
    return settlement_detail(known[found[0].campaign], found[0], given, with_accounts=sees)


LISTS: tuple[ListEndpoint, ...] = (
    ListEndpoint(
        "settlements",
        "/settlements",
        "What was settled, newest first, and where it is",
        _ALL_ROLES,
        {"campaign": TEXT, "state": choice_filter(SettlementState)},
        _list_settlements,
        lambda row: (row["made_at"], row["settlement"]),
        (parse_instant, parse_name),
        SettlementView,
    ),
    ListEndpoint(
        "payouts",
        "/payouts",
        "What goes to charities, that of the newest settlement first",
        _ALL_ROLES,
        {"campaign": TEXT, "charity": TEXT, "state": choice_filter(PayoutState)},
        _list_payouts,
        lambda row: (row["made_at"], row["payout"]),
        (parse_instant, parse_name),
        PayoutView,
    ),
)
DETAILS: tuple[DetailEndpoint, ...] = (
    DetailEndpoint(
        "/settlements/{settlement}",
        "One settlement: all that its hash is of, who approved it, where each payout is; accounts for finance",
        _ALL_ROLES,
        _read_settlement,
        SettlementDetail,
    ),
)
