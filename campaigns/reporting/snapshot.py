"""The state of every campaign, read in one database snapshot: the source of all public views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from campaigns.catalogue.cache import Campaign, CatalogueCache
from campaigns.pledging.waterfall import Budget, DayCount, TermsDay, days_under_terms
from campaigns.promise.calendar import local_day
from campaigns.promise.terms import Terms, terms_on_day, versions_in_force
from campaigns.reporting.authenticity_figures import NO_FIGURES, AuthenticityFigures, read_authenticity_figures
from ledger.accounting.balances import CampaignBalances, balances_by_campaign
from ledger.publication import store
from ledger.publication.store import CoveringHead, SignedHead
from ledger.settlements.model import Settlement, list_settlements
from sql import Connection, Pool, query

_READ_CATALOGUE_VERSION = query("read_catalogue_version")
_LIST_ALL_DAY_COUNTS = query("list_all_day_counts")
_LIST_REFUSAL_TOTALS = query("list_refusal_totals")
_LIST_PEOPLE_COUNTS = query("list_people_counts")
_ATTEMPTS_MAX = 20

CampaignPhase = Literal["upcoming", "running", "ended", "closed"]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class PeopleCount(NamedTuple):
    """The number of different people with a counted like, and when they were counted."""

    people: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class CampaignSnapshot:
    """The state of one campaign at one moment."""

    campaign: Campaign
    as_of: datetime
    counts_by_day: Mapping[date, DayCount]
    refusal_counts: Mapping[str, int]
    balances: CampaignBalances
    people_count: PeopleCount | None = None
    covering_head: CoveringHead | None = None  # None: a leaf of this is still on its way into the public log
    settlements: Sequence[Settlement] = ()
    newest_head: SignedHead | None = None  # covers this or not; None before the log was created
    authenticity: AuthenticityFigures = NO_FIGURES

    @property
    def slug(self) -> str:
        """Return the campaign's public name."""
        return self.campaign.slug

    @property
    def currency(self) -> str:
        """Return the code of ISO 4217."""
        return self.campaign.promise.campaign.currency

    @property
    def today(self) -> date:
        """Return the campaign day of `as_of`, or the campaign's nearest day."""
        days = self.campaign.calendar.days
        return min(max(local_day(self.as_of, self.campaign.calendar.timezone), days[0]), days[-1])

    @property
    def terms(self) -> Terms:
        """Return the terms in force today."""
        return terms_on_day(versions_in_force(self.campaign.terms), self.today)

    @property
    def days(self) -> list[TermsDay]:
        """Return the days with recorded likes, each with its terms."""
        return days_under_terms(self.counts_by_day, self.campaign.terms)

    @property
    def days_so_far(self) -> list[TermsDay]:
        """Return every campaign day until now, including days without a like: zero counts too."""
        calendar, today = self.campaign.calendar, self.today
        days = calendar.days if self.as_of >= calendar.starts_at else ()
        zeros = {day: DayCount() for day in days if day <= today}
        return days_under_terms(zeros | dict(self.counts_by_day), self.campaign.terms)

    @property
    def budget(self) -> Budget:
        """Return the money of the waterfall."""
        floor_minor = self.campaign.promise.campaign.floor_minor
        is_closed = self.campaign.closed_at is not None
        return Budget(self.balances.funded_minor, self.balances.earned_minor, floor_minor, is_closed)


def campaign_phase(campaign: Campaign, now: datetime) -> CampaignPhase:
    """Return the phase of a campaign; a closed one stays closed, also after its end. Pure."""
    if campaign.closed_at is not None:
        return "closed"
    if now < campaign.calendar.starts_at:
        return "upcoming"
    return "running" if now < campaign.calendar.ends_at else "ended"


def format_instant(moment: datetime) -> Instant:
    """Return a moment as RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


async def read_snapshots(pool: Pool, catalogue_cache: CatalogueCache, now: datetime) -> list[CampaignSnapshot]:
    """Return the state of every campaign, oldest first, from one database snapshot.

    Raises TimeoutError if the catalogue changes during every attempt: retry later, as for an
    unavailable database.
    """
    catalogue = await catalogue_cache.get()
    for _ in range(_ATTEMPTS_MAX):
        async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            if await conn.fetchval(_READ_CATALOGUE_VERSION) == catalogue.version:
                return await _build_snapshots(conn, list(catalogue.campaigns_by_id.values()), now)
        catalogue = await catalogue_cache.refresh()
    raise TimeoutError(f"the catalogue changed during each of {_ATTEMPTS_MAX} attempts to read the campaigns")


async def _build_snapshots(conn: Connection, campaigns: Sequence[Campaign], now: datetime) -> list[CampaignSnapshot]:
    counts: dict[int, dict[date, DayCount]] = {campaign.campaign_id: {} for campaign in campaigns}
    for campaign_id, day, *states in map(tuple, await conn.fetch(_LIST_ALL_DAY_COUNTS)):
        counts[campaign_id][day] = DayCount(*states)
    refusals: dict[int, dict[str, int]] = {campaign.campaign_id: {} for campaign in campaigns}
    for campaign_id, outcome, likes in await conn.fetch(_LIST_REFUSAL_TOTALS):
        refusals[campaign_id][outcome] = likes
    people = {
        row["campaign_id"]: PeopleCount(row["people"], row["as_of"]) for row in await conn.fetch(_LIST_PEOPLE_COUNTS)
    }
    balances = await balances_by_campaign(conn, [campaign.slug for campaign in campaigns])
    authenticity = await read_authenticity_figures(conn)
    covering_head = await store.covering_head(conn)
    newest_head = await store.newest_head(conn)
    settlements: dict[str, list[Settlement]] = {campaign.slug: [] for campaign in campaigns}
    for settlement in await list_settlements(conn, list(settlements)):
        settlements[settlement.campaign].append(settlement)
    return [
        CampaignSnapshot(
            campaign=c,
            as_of=now,
            counts_by_day=counts[c.campaign_id],
            refusal_counts=refusals[c.campaign_id],
            balances=balances[c.slug],
            people_count=people.get(c.campaign_id),
            covering_head=covering_head,
            settlements=settlements[c.slug],
            newest_head=newest_head,
            authenticity=authenticity.get(c.campaign_id, NO_FIGURES),
        )
        for c in campaigns
    ]
