"""How every campaign stands: what the public sees is made of this, read in one snapshot, without the likes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from campaigns.catalogue.cache import Campaign, Shelf
from campaigns.pledging.waterfall import Budget, Day, DayCount, under_terms
from campaigns.promise.calendar import day_in
from campaigns.promise.terms import Terms, in_force, on_day
from ledger.accounting.balances import Line, lines
from ledger.publication import store
from ledger.publication.store import Covering, Signed
from ledger.settlements.model import Envelope, envelopes
from sql import Connection, Pool, query

_READ_CATALOGUE_VERSION = query("read_catalogue_version")
_LIST_ALL_DAY_COUNTS = query("list_all_day_counts")
_LIST_REFUSAL_TOTALS = query("list_refusal_totals")
_LIST_PEOPLE_COUNTS = query("list_people_counts")

State = Literal["to come", "running", "ended", "closed"]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class People(NamedTuple):
    """How many different people had a like counted, and when they were counted."""

    people: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """One campaign at one moment."""

    campaign: Campaign
    as_of: datetime
    counts: Mapping[date, DayCount]
    refused: Mapping[str, int]
    line: Line
    people: People | None = None
    log: Covering | None = None  # None: some of this is on its way into the public log still
    envelopes: Sequence[Envelope] = ()
    checkpoint: Signed | None = None  # the newest, whether it covers this or not; None before the log was made

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
        return min(max(day_in(self.as_of, self.campaign.calendar.timezone), days[0]), days[-1])

    @property
    def terms(self) -> Terms:
        """The terms in force now."""
        return on_day(in_force(self.campaign.terms), self.today)

    @property
    def days(self) -> list[Day]:
        """The days on which something was counted or refused by the terms."""
        return under_terms(self.counts, self.campaign.terms)

    @property
    def days_so_far(self) -> list[Day]:
        """Every campaign day until now, those without a like too: a zero is a figure."""
        begun = self.as_of >= self.campaign.calendar.starts_at
        until = {day: DayCount() for day in self.campaign.calendar.days if begun and day <= self.today}
        return under_terms(until | dict(self.counts), self.campaign.terms)

    @property
    def budget(self) -> Budget:
        """The money side."""
        floor_minor = self.campaign.promise.campaign.floor_minor
        is_closed = self.campaign.closed_at is not None
        return Budget(self.line.funded_minor, self.line.earned_minor, floor_minor, is_closed)


def state(campaign: Campaign, now: datetime) -> State:
    """Return in a word where a campaign is in its life."""
    if campaign.closed_at is not None:
        return "closed"
    own = campaign.promise.campaign
    if now < own.starts_at:
        return "to come"
    return "running" if now < own.ends_at else "ended"


def instant(moment: datetime) -> Instant:
    """Return a moment as RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


async def read(pool: Pool, shelf: Shelf, now: datetime) -> list[Standing]:
    """Return how every campaign stands, oldest first, all of it of one snapshot."""
    catalogue = await shelf.current()
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        if await conn.fetchval(_READ_CATALOGUE_VERSION) == catalogue.version:
            return await _standings(conn, list(catalogue.by_id.values()), now)
    await shelf.newest()
    return await read(pool, shelf, now)


async def _standings(conn: Connection, campaigns: Sequence[Campaign], now: datetime) -> list[Standing]:
    counts: dict[int, dict[date, DayCount]] = {campaign.campaign_id: {} for campaign in campaigns}
    for campaign_id, day, *states in map(tuple, await conn.fetch(_LIST_ALL_DAY_COUNTS)):
        counts[campaign_id][day] = DayCount(*states)
    refused: dict[int, dict[str, int]] = {campaign.campaign_id: {} for campaign in campaigns}
    for campaign_id, outcome, likes in await conn.fetch(_LIST_REFUSAL_TOTALS):
        refused[campaign_id][outcome] = likes
    people = {
        row["campaign_id"]: People(row["people"], row["as_of"]) for row in await conn.fetch(_LIST_PEOPLE_COUNTS)
    }
    money = await lines(conn, [campaign.slug for campaign in campaigns])
    log = await store.covering(conn)
    checkpoint = await store.checkpoint(conn)
    settled: dict[str, list[Envelope]] = {campaign.slug: [] for campaign in campaigns}
    for envelope in await envelopes(conn, list(settled)):
        settled[envelope.campaign].append(envelope)
    return [
        Standing(
            campaign=c,
            as_of=now,
            counts=counts[c.campaign_id],
            refused=refused[c.campaign_id],
            line=money[c.slug],
            people=people.get(c.campaign_id),
            log=log,
            envelopes=settled[c.slug],
            checkpoint=checkpoint,
        )
        for c in campaigns
    ]
