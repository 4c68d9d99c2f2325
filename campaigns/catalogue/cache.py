"""What intake remembers between transactions: campaigns, terms, enrolled content and platforms, all of one version.

Every change raises the version in its own transaction, under a lock that intake's transactions share. So a
delivery is either recorded under the catalogue it was judged by, or judged again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg

from campaigns.catalogue.pseudonyms import campaign_key, pseudonymiser
from campaigns.promise.calendar import Calendar
from campaigns.promise.model import ImmutablePart, engine_terms
from campaigns.promise.model import PromiseTerms as PromisedTerms
from campaigns.promise.terms import Terms, terms_on_day, versions_in_force
from sql import Connection, Pool, query

_LIST_CAMPAIGNS = query("list_campaigns")
_LIST_TERMS = query("list_terms")
_LIST_CHANGED_ENROLMENTS = query("list_changed_enrolments")
_LIST_CHANGED_PAUSES = query("list_changed_pauses")
_LIST_ENABLED_PLATFORMS = query("list_enabled_platforms")
_LIST_LIVE_KEYS = query("list_live_keys")
_READ_CATALOGUE_VERSION = query("read_catalogue_version")
_LOCK_CATALOGUE = query("lock_catalogue")
_BUMP_CATALOGUE_VERSION = query("bump_catalogue_version")
_LOCK_CATALOGUE_SHARED = query("lock_catalogue_shared")


class PlatformKey(NamedTuple):
    """A platform's live key: the salt of a derived v1 secret, or a v1a public key."""

    key_id: int
    scheme: str
    salt: bytes | None
    public_key: bytes | None


@dataclass(frozen=True, slots=True)
class Platform:
    """A sender of webhooks."""

    platform_id: int
    name: str
    keys: tuple[PlatformKey, ...]  # newest first

    def with_keys(self, key_indexes: Sequence[int]) -> "Platform":
        """Return the sender of a delivery: the platform with the keys that the delivery was signed by."""
        return (
            self
            if len(key_indexes) == len(self.keys)
            else replace(self, keys=tuple(self.keys[n] for n in key_indexes))
        )


@dataclass(slots=True)
class Campaign:
    """A promise as intake and pledging use it."""

    campaign_id: int
    promise: ImmutablePart
    versions: list[PromisedTerms]  # as promised, oldest first
    terms: list[Terms]  # as the engine holds them, every version
    closed_at: datetime | None
    calendar: Calendar
    key: bytes = field(repr=False)
    slug: str = field(init=False)
    accepts_any_content: bool = field(init=False)  # takes any content that is enrolled nowhere
    keeps_likes: bool = field(init=False)  # an unlike changes nothing
    has_limits: bool = field(init=False)  # some terms limit a person's likes a day
    late_us: int = field(init=False)  # how long after it happened a like may still arrive, microseconds
    _pseudonymisers: dict[str, Callable[[str], bytes]] = field(default_factory=dict, repr=False)
    _terms_by_day: dict[date, Terms] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        own = self.promise.campaign
        self.slug, self.accepts_any_content, self.keeps_likes = own.slug, own.content == "open", own.unlike == "keep"
        self.late_us = timedelta(days=own.late_days) // timedelta(microseconds=1)
        self.has_limits = any(version.likes_per_person_per_day for version in self.terms)

    def accepts_content(self, content: str, enrolments: Mapping[str, int]) -> bool:
        """Tell whether the content is this campaign's: enrolled in it, or in none where it is open to all."""
        home = enrolments.get(content)
        return self.accepts_any_content if home is None else home == self.campaign_id

    def pseudonymiser(self, platform: str) -> Callable[[str], bytes]:
        """Return the function from that platform's user ids to pseudonyms."""
        if platform not in self._pseudonymisers:
            self._pseudonymisers[platform] = pseudonymiser(self.key, platform)
        return self._pseudonymisers[platform]

    def terms_on(self, day: date) -> Terms:
        """Return the terms in force on a campaign day."""
        if day not in self._terms_by_day:
            self._terms_by_day[day] = terms_on_day(versions_in_force(self.terms), day)
        return self._terms_by_day[day]

    def limit_on(self, day: date) -> int | None:
        """Return how many likes of a person may count on that day; None: all."""
        return self.terms_on(day).likes_per_person_per_day


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One version of it all."""

    version: int
    campaigns: dict[str, Campaign]  # by slug
    campaigns_by_id: dict[int, Campaign]
    enrolments: dict[str, int]  # content: campaign_id
    platforms: dict[str, Platform]  # by name; disabled ones are not among them
    paused_contents: frozenset[tuple[int, str]] = frozenset()  # campaign_id and content of which it takes no like

    def still_accepts(self, sender: Platform) -> bool:
        """Tell whether one of the keys that a delivery was signed by still holds."""
        known = self.platforms.get(sender.name)
        return known is sender or (known is not None and not set(known.keys).isdisjoint(sender.keys))


_EMPTY = Catalogue(-1, {}, {}, {}, {})


async def load_catalogue(conn: Connection, pseudonym_key: bytes, previous: Catalogue = _EMPTY) -> Catalogue:
    """Read the catalogue under one snapshot, so that it is of one version; of content only what `known` lacks."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        return await read_catalogue(conn, pseudonym_key, previous)


async def read_catalogue(conn: Connection, pseudonym_key: bytes, previous: Catalogue = _EMPTY) -> Catalogue:
    """Read the catalogue in the caller's transaction: one of a single snapshot, or one that called `change`."""
    version = await conn.fetchval(_READ_CATALOGUE_VERSION)
    found = await read_campaigns(conn, pseudonym_key)
    enrolments, paused = await _read_enrolments(conn, previous), await _read_paused_contents(conn, previous)
    keys = _group_by_column(await conn.fetch(_LIST_LIVE_KEYS), "platform_id")
    platforms = [_platform_from_row(row, keys) for row in await conn.fetch(_LIST_ENABLED_PLATFORMS)]
    by_id = {c.campaign_id: c for c in found.values()}
    return Catalogue(version, found, by_id, enrolments, {p.name: p for p in platforms}, paused)


async def read_campaigns(conn: Connection, pseudonym_key: bytes) -> dict[str, Campaign]:
    """Read every campaign by its slug, oldest first, without the content, of which there may be very much."""
    terms = _group_by_column(await conn.fetch(_LIST_TERMS), "campaign_id")
    rows = await conn.fetch(_LIST_CAMPAIGNS)
    return {row["slug"]: _campaign_from_row(row, terms.get(row["campaign_id"], []), pseudonym_key) for row in rows}


async def _read_enrolments(conn: Connection, previous: Catalogue) -> dict[str, int]:
    """Return what is known with what changed since; the same object where nothing did."""
    changed = await conn.fetch(_LIST_CHANGED_ENROLMENTS, previous.version)
    enrolments = dict(previous.enrolments) if changed else previous.enrolments
    for content, campaign_id in changed:
        if campaign_id is None:
            enrolments.pop(content, None)
        else:
            enrolments[content] = campaign_id
    return enrolments


async def _read_paused_contents(conn: Connection, previous: Catalogue) -> frozenset[tuple[int, str]]:
    changed = await conn.fetch(_LIST_CHANGED_PAUSES, previous.version)
    if not changed:
        return previous.paused_contents
    now = {(row["campaign_id"], row["content"]) for row in changed if row["is_paused"]}
    return previous.paused_contents - {(row["campaign_id"], row["content"]) for row in changed} | now


def _group_by_column(rows: list[asyncpg.Record], column: str) -> dict[int, list[asyncpg.Record]]:
    groups: dict[int, list[asyncpg.Record]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return groups


def _campaign_from_row(row: asyncpg.Record, terms: list[asyncpg.Record], pseudonym_key: bytes) -> Campaign:
    kept = ImmutablePart.model_validate_json(row["promise"])
    versions = [PromisedTerms.model_validate_json(t["promise"]) for t in terms]
    versions_in_force = [engine_terms(v, t["version"], t["from_day"]) for v, t in zip(versions, terms, strict=True)]
    span = kept.campaign
    calendar = Calendar.from_bounds(span.starts_at, span.ends_at, ZoneInfo(span.timezone))
    key = campaign_key(pseudonym_key, span.slug)
    return Campaign(row["campaign_id"], kept, versions, versions_in_force, row["closed_at"], calendar, key)


def _platform_from_row(row: asyncpg.Record, keys: dict[int, list[asyncpg.Record]]) -> Platform:
    own = keys.get(row["platform_id"], [])
    live = tuple(PlatformKey(k["key_id"], k["scheme"], k["salt"], k["public_key"]) for k in own)
    return Platform(row["platform_id"], row["name"], live)


async def lock_and_bump_version(conn: Connection) -> int:
    """Wait until no intake transaction is under way, keep new ones out, raise the version; return the new one.

    Joins the caller's transaction and holds until its end: call it first in every change of the catalogue.
    """
    await conn.execute(_LOCK_CATALOGUE)
    return int(await conn.fetchval(_BUMP_CATALOGUE_VERSION))


async def lock_shared(conn: Connection) -> None:
    """Keep the catalogue as it is until the caller's transaction ends. Who will `change` it calls that first."""
    await conn.execute(_LOCK_CATALOGUE_SHARED)


class CatalogueCache:
    """The catalogue of this process: read once, and again when its version is seen to be old."""

    def __init__(self, pool: Pool, pseudonym_key: bytes) -> None:
        self._pool = pool
        self._pseudonym_key = pseudonym_key
        self._catalogue: Catalogue | None = None

    async def get(self) -> Catalogue:
        """Return what is held, read at first use; it may be one change behind."""
        return self._catalogue or await self.refresh()

    async def refresh(self) -> Catalogue:
        """Return the catalogue as it is now."""
        async with self._pool.acquire() as conn:
            if self._catalogue is None or await conn.fetchval(_READ_CATALOGUE_VERSION) != self._catalogue.version:
                self._catalogue = await load_catalogue(conn, self._pseudonym_key, self._catalogue or _EMPTY)
        return self._catalogue
