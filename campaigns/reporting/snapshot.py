"""How every campaign stands: what the public sees is made of this, read in one snapshot, without the likes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from campaigns.catalogue.cache import Campaign, CatalogueCache
from campaigns.pledging.waterfall import Budget, DayCount, TermsDay, days_under_terms
from campaigns.promise.calendar import local_day
from campaigns.promise.terms import Terms, terms_on_day, versions_in_force
from ledger.accounting.balances import CampaignBalances, balances_by_campaign
from ledger.publication import store
from ledger.publication.store import CoveringHead, SignedHead
from ledger.settlements.model import Settlement, list_settlements
from sql import Connection, Pool, query

_READ_CATALOGUE_VERSION = query("read_catalogue_version")
_LIST_ALL_DAY_COUNTS = query("list_all_day_counts")
_LIST_REFUSAL_TOTALS = query("list_refusal_totals")
_LIST_PEOPLE_COUNTS = query("list_people_counts")

CampaignPhase = Literal["to come", "running", "ended", "closed"]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class PeopleCount(NamedTuple):
    """How many different people had a like counted, and when they were counted."""

    people: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class CampaignSnapshot:
    """One campaign at one moment."""

    campaign: Campaign
    as_of: datetime
    counts_by_day: Mapping[date, DayCount]
    refusal_counts: Mapping[str, int]
    balances: CampaignBalances
    people_count: PeopleCount | None = None
    covering_head: CoveringHead | None = None  # None: some of this is on its way into the public log still
    settlements: Sequence[Settlement] = ()
    newest_head: SignedHead | None = None  # the newest, whether it covers this or not; None before the log was made

    @property
    def slug(self) -> str:
        """The campaign's public name."""
        return self.campaign.slug

    @property
    def currency(self) -> str:
        """ISO 4217."""
        return self.campaign.promise.campaign.currency

    @property
    def today(self) -> date:
        """The campaign day of `as_of`; the first or last one outside the campaign."""
        days = self.campaign.calendar.days
        return min(max(local_day(self.as_of, self.campaign.calendar.timezone), days[0]), days[-1])

    @property
    def terms(self) -> Terms:
        """The terms in force now."""
        return terms_on_day(versions_in_force(self.campaign.terms), self.today)

    @property
    def days(self) -> list[TermsDay]:
        """The days on which something was counted or refused by the terms."""
        return days_under_terms(self.counts_by_day, self.campaign.terms)

    @property
    def days_so_far(self) -> list[TermsDay]:
        """Every campaign day until now, those without a like too: a zero is a figure."""
        begun = self.as_of >= self.campaign.calendar.starts_at
        until = {day: DayCount() for day in self.campaign.calendar.days if begun and day <= self.today}
        return days_under_terms(until | dict(self.counts_by_day), self.campaign.terms)

    @property
    def budget(self) -> Budget:
        """The money side."""
        floor_minor = self.campaign.promise.campaign.floor_minor
        is_closed = self.campaign.closed_at is not None
        return Budget(self.balances.funded_minor, self.balances.earned_minor, floor_minor, is_closed)


def campaign_phase(campaign: Campaign, now: datetime) -> CampaignPhase:
    """Return in a word where a campaign is in its life."""
    if campaign.closed_at is not None:
        return "closed"
    own = campaign.promise.campaign
    if now < own.starts_at:
        return "to come"
    return "running" if now < own.ends_at else "ended"


def format_instant(moment: datetime) -> Instant:
    """Return a moment as RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


async def read_snapshots(pool: Pool, catalogue_cache: CatalogueCache, now: datetime) -> list[CampaignSnapshot]:
    """Return how every campaign stands, oldest first, all of it of one snapshot."""
    catalogue = await catalogue_cache.get()
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        if await conn.fetchval(_READ_CATALOGUE_VERSION) == catalogue.version:
            return await _build_snapshots(conn, list(catalogue.campaigns_by_id.values()), now)
    await catalogue_cache.refresh()
    return await read_snapshots(pool, catalogue_cache, now)


async def _build_snapshots(conn: Connection, campaigns: Sequence[Campaign], now: datetime) -> list[CampaignSnapshot]:
    counts: dict[int, dict[date, DayCount]] = {campaign.campaign_id: {} for campaign in campaigns}
    for campaign_id, day, *states in map(tuple, await conn.fetch(_LIST_ALL_DAY_COUNTS)):
        counts[campaign_id][day] = DayCount(*states)
    refused: dict[int, dict[str, int]] = {campaign.campaign_id: {} for campaign in campaigns}
    for campaign_id, outcome, likes in await conn.fetch(_LIST_REFUSAL_TOTALS):
        refused[campaign_id][outcome] = likes
    people = {
        row["campaign_id"]: PeopleCount(row["people"], row["as_of"]) for row in await conn.fetch(_LIST_PEOPLE_COUNTS)
    }
    money = await balances_by_campaign(conn, [campaign.slug for campaign in campaigns])
    log = await store.covering_head(conn)
    checkpoint = await store.newest_head(conn)
    settled: dict[str, list[Settlement]] = {campaign.slug: [] for campaign in campaigns}
    for envelope in await list_settlements(conn, list(settled)):
        settled[envelope.campaign].append(envelope)
    return [
        CampaignSnapshot(
            campaign=c,
            as_of=now,
            counts_by_day=counts[c.campaign_id],
            refusal_counts=refused[c.campaign_id],
            balances=money[c.slug],
            people_count=people.get(c.campaign_id),
            covering_head=log,
            settlements=settled[c.slug],
            newest_head=checkpoint,
        )
        for c in campaigns
    ]
