"""Lists of settlements and payouts, newest first, and the detail of a settlement."""

from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.catalogue import cache
from campaigns.errors import NotFound, printable
from ledger.settlements.model import SettlementState, list_settlements
from ledger.settlements.payout_steps import PayoutState
from ops.admin.core.actor import ROLES, Role
from ops.admin.core.command import CommandContext
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
_PENDING_STATES = {
    SettlementState.OPEN,
    SettlementState.APPROVED,
}  # one stage in the database, which does not know how many approvals are needed


async def _list_settlements(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    """Fetch until the page is full: a stage has settlements of two states."""
    state, matching = list_query.filters.get("state"), list[Mapping[str, Any]]()
    stage = "waiting" if state in _PENDING_STATES else state
    after = list_query.after or (None, None)
    while True:
        rows = await context.conn.fetch(
            _LIST_SETTLEMENTS, *after, list_query.limit, list_query.filters.get("campaign"), stage
        )
        ids = [row["settlement_id"] for row in rows]
        matching += [row for row in await _settlement_rows(context, ids) if state in (None, row["state"])]
        if len(matching) >= list_query.limit or len(rows) < list_query.limit:
            return matching[: list_query.limit]
        after = rows[-1]["made_at"], rows[-1]["settlement_id"]


async def _settlement_rows(context: CommandContext, ids: Sequence[str]) -> list[SettlementView]:
    campaigns = await cache.read_campaigns(context.conn, context.keys.pseudonym)
    settlements = {s.settlement_id: s for s in await list_settlements(context.conn, settlement_ids=ids)}
    return [settlement_view(campaigns[settlements[i].campaign], settlements[i]) for i in ids]


async def _list_payouts(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    filters = (list_query.filters.get(name) for name in ("campaign", "charity", "state"))
    after = list_query.after or (None, None)
    rows = await context.conn.fetch(_LIST_PAYOUTS, *after, list_query.limit, *filters)
    campaigns = await cache.read_campaigns(context.conn, context.keys.pseudonym)
    settlements = await list_settlements(context.conn, settlement_ids=list({row["settlement_id"] for row in rows}))
    by_id = {p.payout_id: (s, p) for s in settlements for p in s.payouts}
    is_finance = context.shows_accounts
    pairs = (by_id[row["payout_id"]] for row in rows)
    return [payout_view(campaigns[s.campaign], s, p, is_finance=is_finance) for s, p in pairs]


async def _read_settlement(context: CommandContext, settlement_id: str) -> SettlementDetail:
    settlements = await list_settlements(context.conn, settlement_id=settlement_id)
    if not settlements:
        raise NotFound("settlement_not_found", settlement=printable(settlement_id))
    (settlement,) = settlements
    campaigns = await cache.read_campaigns(context.conn, context.keys.pseudonym)
    rows = await context.conn.fetch(_READ_APPROVALS, [settlement_id])
    approvals = [(row["person"], row["at"], row["hash"]) for row in rows]
    is_finance = context.shows_accounts
    return settlement_detail(campaigns[settlement.campaign], settlement, approvals, is_finance=is_finance)


LISTS: tuple[ListEndpoint, ...] = (
    ListEndpoint(
        "settlements",
        "/settlements",
        "Settlements and their states, newest first",
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
        "Payouts to charities, those of the newest settlement first",
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
        "A settlement: every hashed value, its approvals and payouts; accounts for finance only",
        _ALL_ROLES,
        _read_settlement,
        SettlementDetail,
    ),
)
