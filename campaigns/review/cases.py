"""Cases as a reviewer sees them: what they are about, and the money that a decision moves."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, NamedTuple

import asyncpg

from campaigns.authenticity.ruleset import Rule
from campaigns.catalogue.cache import Campaign
from campaigns.catalogue.rulesets import read_body
from campaigns.errors import NotFound, printable
from campaigns.pledging.pledge import counted_by_day
from campaigns.review.case_money import CaseMoney, DayEffect, DueToday, due_today, measure_case
from ledger.accounting.balances import campaign_balances
from sql import Connection, query

RELATED_CASES_MAX = 20

_HASH_CASES = query("hash_cases")
_LIST_CASES = query("list_cases")
_LIST_CASE_STEPS = query("list_case_steps")
_LIST_RELATED_CASES = query("list_related_cases")
_MEASURE_CASES = query("measure_cases")
_READ_CASE_BACKLOG = query("read_case_backlog")
_READ_RULESET_BODIES = query("read_ruleset_bodies")


class CaseFilter(NamedTuple):
    """Which cases to list; None: all."""

    campaign: str | None = None
    is_open: bool | None = None
    family: str | None = None
    opened_before: datetime | None = None
    case_ids: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A case; `outcome` is None while it is open."""

    case_id: str
    campaign: Campaign
    ruleset: int
    rule: str
    family: str
    is_counting: bool
    is_breaker: bool
    evidence: Mapping[str, int]
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    outcome: str | None
    likes: int
    people: int
    first_day: date | None
    last_day: date | None

    @property
    def currency(self) -> str:
        """Return the code of ISO 4217."""
        return self.campaign.promise.campaign.currency

    @property
    def default_decision(self) -> str:
        """Return what becomes of its likes if nobody decides in time: `void` or `release`."""
        return "release" if self.is_counting else self.campaign.authenticity.undecided


class CaseStep(NamedTuple):
    """What somebody did with a case."""

    number: int
    action: str
    by: str
    approved_by: str | None
    at: datetime
    likes: int
    note: str | None


class RelatedCase(NamedTuple):
    """Another case, and how many people of this one are in it."""

    case_id: str
    family: str
    closed_at: datetime | None
    outcome: str | None
    people: int


class CaseBacklog(NamedTuple):
    """The number of open cases, and when the oldest was opened."""

    open_count: int
    oldest_at: datetime | None


NO_CASES = CaseBacklog(0, None)


async def list_cases(conn: Connection, campaigns: Mapping[str, Campaign], wanted: CaseFilter) -> list[Case]:
    """Return the cases that match, in no order; `campaigns` by name."""
    rows = await conn.fetch(_LIST_CASES, *wanted)
    return [_parse_case(row, campaigns[row["slug"]]) for row in rows if row["slug"] in campaigns]


async def find_case(conn: Connection, campaigns: Mapping[str, Campaign], case_id: str) -> Case:
    """Return a case. Raises NotFound."""
    cases = await list_cases(conn, campaigns, CaseFilter(case_ids=[case_id])) if "\0" not in case_id else []
    if not cases:
        raise NotFound("case_not_found", case=printable(case_id))
    return cases[0]


def _parse_case(row: asyncpg.Record, campaign: Campaign) -> Case:
    columns: dict[str, Any] = {name: value for name, value in row.items() if name not in ("slug", "evidence")}
    return Case(campaign=campaign, evidence=json.loads(row["evidence"]), **columns)


async def measure_cases(conn: Connection, cases: Sequence[Case]) -> dict[str, CaseMoney]:
    """Return the money of each case, by its id: amounts due with its likes and without them."""
    by_campaign: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_campaign[case.campaign.slug].append(case)
    money: dict[str, CaseMoney] = {}
    for members in by_campaign.values():
        money |= await _measure_campaign(conn, members[0].campaign, [case.case_id for case in members])
    return money


async def _measure_campaign(conn: Connection, campaign: Campaign, case_ids: Sequence[str]) -> dict[str, CaseMoney]:
    days = campaign.calendar.days
    limits = [campaign.limit_on(day) for day in days]
    effects: dict[str, list[DayEffect]] = defaultdict(list)
    for row in await conn.fetch(_MEASURE_CASES, campaign.campaign_id, case_ids, days, limits):
        effects[row["case_id"]].append(DayEffect(row["day"], row["more"], row["fewer"]))
    today = await read_due_today(conn, campaign)
    return {case_id: measure_case(today, effects[case_id]) for case_id in case_ids}


async def read_due_today(conn: Connection, campaign: Campaign) -> DueToday:
    """Return what a campaign's folded likes earn."""
    balances = await campaign_balances(conn, campaign.slug)
    return due_today(campaign.terms, await counted_by_day(conn, campaign), balances.funded_minor)


async def hash_cases(conn: Connection, cases: Sequence[Case]) -> dict[str, bytes]:
    """Return the SHA-256 of each case that a second person approves, by its id.

    It covers the case, its outcome, and each like with its verdict. The state of a like is not in
    it: its person could change that at any time, and so keep a decision off.
    """
    rows = await conn.fetch(_HASH_CASES, [case.case_id for case in cases])
    digests = {row["case_id"]: row["digest"] for row in rows}
    return {case.case_id: _hash_case(case, digests.get(case.case_id, b"")) for case in cases}


def _hash_case(case: Case, likes_digest: bytes) -> bytes:
    parts = [case.case_id, case.campaign.slug, case.rule, case.ruleset, case.is_counting, case.outcome or "open"]
    return sha256(json.dumps(parts).encode() + likes_digest).digest()


async def read_rules(conn: Connection, cases: Sequence[Case]) -> dict[str, Rule]:
    """Return the rule of each case as its ruleset says it, by the case's id."""
    versions = sorted({(case.campaign.campaign_id, case.ruleset) for case in cases})
    columns = [campaign_id for campaign_id, _ in versions], [version for _, version in versions]
    rules = {
        (row["campaign_id"], row["version"], rule.id): rule
        for row in await conn.fetch(_READ_RULESET_BODIES, *columns)
        for rule in read_body(row["body"]).rules
    }
    keys = {case.case_id: (case.campaign.campaign_id, case.ruleset, case.rule) for case in cases}
    return {case_id: rules[key] for case_id, key in keys.items() if key in rules}


async def list_steps(conn: Connection, case_id: str) -> list[CaseStep]:
    """Return what people and rules did with a case, oldest first."""
    return [CaseStep(*row) for row in await conn.fetch(_LIST_CASE_STEPS, case_id)]


async def list_related_cases(conn: Connection, case_id: str) -> list[RelatedCase]:
    """Return other cases of the same people, most in common first, at most `RELATED_CASES_MAX`."""
    return [RelatedCase(*row) for row in await conn.fetch(_LIST_RELATED_CASES, case_id, RELATED_CASES_MAX)]


async def read_case_backlog(conn: Connection) -> CaseBacklog:
    """Return how many cases are open, and since when the oldest is."""
    row = await conn.fetchrow(_READ_CASE_BACKLOG)
    return NO_CASES if row is None else CaseBacklog(*row)
