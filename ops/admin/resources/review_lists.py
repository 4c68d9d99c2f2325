"""Lists and details for reviewers: cases with the most money first, their likes, a like by its receipt."""

from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.catalogue import cache
from campaigns.errors import NotFound, invalid_value, printable
from campaigns.reporting.receipts import find_receipt
from campaigns.review import cases
from campaigns.review.case_money import CaseMoney
from campaigns.review.cases import Case, CaseFilter
from ledger.money import MINOR_MAX
from ops.admin.core.actor import Role
from ops.admin.core.command import CommandContext
from ops.admin.core.pagination import (
    INSTANT,
    TEXT,
    DetailEndpoint,
    Filter,
    ListEndpoint,
    ListQuery,
    choice_filter,
    parse_name,
    parse_number,
    read_page,
)
from ops.admin.resources.review_views import (
    CaseDetail,
    CaseLikeView,
    CaseView,
    case_like_view,
    case_view,
    like_view,
    outcome_views,
    related_views,
    step_views,
)
from sql import query

READERS: frozenset[Role] = frozenset({"reviewer", "auditor"})
LIKES_LISTED = 50
_AMOUNT_PATTERN = r"^(0|[1-9][0-9]{0,14})$"

_FIND_REVIEWED_LIKE = query("find_reviewed_like")
_LIST_CASE_LIKES = query("list_case_likes")


def _parse_amount(text: str) -> int:
    if not (text.isascii() and text.isdigit() and str(int(text[:20])) == text and int(text) <= MINOR_MAX):
        raise invalid_value("filter_amount")
    return int(text)


AMOUNT = Filter(_parse_amount, {"type": "string", "pattern": _AMOUNT_PATTERN})
FILTERS = {
    "campaign": TEXT,
    "state": choice_filter(("open", "closed")),
    "family": TEXT,
    "opened_before": INSTANT,
    "money_from_minor": AMOUNT,
}


async def _list_cases(context: CommandContext, list_query: ListQuery) -> list[CaseView]:
    """Return the cases with the most money first; equal ones by their id."""
    state, filters = list_query.filters.get("state"), list_query.filters
    wanted = CaseFilter(
        campaign=filters.get("campaign"),
        is_open=None if state is None else state == "open",
        family=filters.get("family"),
        opened_before=filters.get("opened_before"),
    )
    campaigns = await cache.read_campaigns(context.conn, context.keys.pseudonym)
    matching = await cases.list_cases(context.conn, campaigns, wanted)
    money = await cases.measure_cases(context.conn, matching)
    ranked = _rank(matching, money, filters.get("money_from_minor", 0))
    if list_query.after:
        ranked = [case for case in ranked if _rank_key(case, money) > (-list_query.after[0], list_query.after[1])]
    return await _case_views(context, ranked[: list_query.limit], money)


def _rank(matching: Sequence[Case], money: Mapping[str, CaseMoney], least_minor: int) -> list[Case]:
    wanted = [case for case in matching if money[case.case_id].at_stake_minor >= least_minor]
    return sorted(wanted, key=lambda case: _rank_key(case, money))


def _rank_key(case: Case, money: Mapping[str, CaseMoney]) -> tuple[int, str]:
    return -money[case.case_id].at_stake_minor, case.case_id


async def _case_views(
    context: CommandContext, rows: Sequence[Case], money: Mapping[str, CaseMoney]
) -> list[CaseView]:
    rules = await cases.read_rules(context.conn, rows)
    digests = await cases.hash_cases(context.conn, rows)
    return [
        case_view(case, rules.get(case.case_id), money[case.case_id], digests[case.case_id], context.now)
        for case in rows
    ]


async def read_case(context: CommandContext, case_id: str) -> CaseDetail:
    """Return a case with its first likes. Raises NotFound."""
    campaigns = await cache.read_campaigns(context.conn, context.keys.pseudonym)
    case = await cases.find_case(context.conn, campaigns, case_id)
    money = await cases.measure_cases(context.conn, [case])
    [view] = await _case_views(context, [case], money)
    if_released, if_void = outcome_views(case, money[case.case_id])
    page = await read_page(CASE_LIKES, context, {"case": case.case_id, "limit": str(LIKES_LISTED)})
    return {
        **view,
        "evidence": dict(case.evidence),
        "first_day": case.first_day.isoformat() if case.first_day else None,
        "last_day": case.last_day.isoformat() if case.last_day else None,
        "if_released": if_released,
        "if_void": if_void,
        "people_in_other_cases": related_views(await cases.list_related_cases(context.conn, case.case_id)),
        "steps": step_views(await cases.list_steps(context.conn, case.case_id)),
        "likes_listed": page["likes"],
        "likes_next": page["next"],
    }


async def _list_likes(context: CommandContext, list_query: ListQuery) -> list[CaseLikeView]:
    slug, content, person = list_query.after or (None, None, None)
    rows = await context.conn.fetch(
        _LIST_CASE_LIKES, list_query.filters.get("case"), slug, content, person, list_query.limit
    )
    return [case_like_view(row) for row in rows]


async def _read_like(context: CommandContext, receipt: str) -> CaseLikeView:
    """Return what was decided about a like. Raises NotFound for an unknown receipt, or an erased like."""
    proof = await find_receipt(context.conn, receipt, context.now)
    like = None if proof is None else proof["like"]
    if proof is None or like is None:
        raise NotFound("like_of_receipt_not_found", receipt=printable(receipt))
    person = bytes.fromhex(like["person"])
    row = await context.conn.fetchrow(_FIND_REVIEWED_LIKE, proof["campaign"], like["content"], person)
    if row is None:
        raise NotFound("like_of_receipt_not_found", receipt=printable(receipt))
    return like_view(row, proof["campaign"], like["content"], person, receipt)


def _parse_person(value: Any) -> bytes:
    return bytes.fromhex(parse_name(value))


CASES = ListEndpoint(
    "cases",
    "/review/cases",
    "Cases that people decide, those about the most money first",
    READERS,
    FILTERS,
    _list_cases,
    lambda row: (row["money"]["minor"], row["case"]),
    (parse_number, parse_name),
    CaseView,
)
CASE_LIKES = ListEndpoint(
    "likes",
    "/review/likes",
    "Likes in cases, by campaign, content and person",
    READERS,
    {"case": TEXT},
    _list_likes,
    lambda row: (row["campaign"], row["content"], row["person"]),
    (parse_name, parse_name, _parse_person),
    CaseLikeView,
)
LISTS: tuple[ListEndpoint, ...] = (CASES, CASE_LIKES)
DETAILS: tuple[DetailEndpoint, ...] = (
    DetailEndpoint(
        "/review/cases/{case}",
        "A case: its evidence in counts, its likes, and what each decision would cost",
        READERS,
        read_case,
        CaseDetail,
    ),
    DetailEndpoint(
        "/review/likes/{receipt}",
        "What rules and people decided about a like, and its case",
        READERS,
        _read_like,
        CaseLikeView,
    ),
)
