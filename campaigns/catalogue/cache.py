"""The catalogue: campaigns, terms, enrolled content and platforms of one version, and its cache.

Every change bumps the version in its own transaction, under a lock that intake's transactions
share. So a delivery is recorded under the catalogue that judged it, or judged again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg

from campaigns.authenticity.ruleset import Ruleset
from campaigns.catalogue.pseudonyms import campaign_key, pseudonymiser, tombstone_key
from campaigns.catalogue.rulesets import read_newest_rulesets
from campaigns.promise.calendar import Calendar
from campaigns.promise.model import AuthenticityPolicy, ImmutablePart, PromiseTerms, engine_terms
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


STANDARD_KIND = "standard"  # our own format, Standard Webhooks


class PlatformKey(NamedTuple):
    """A platform's live key: the salt of a derived v1 secret, a v1a public key, or a sealed secret."""

    key_id: int
    scheme: str
    salt: bytes | None
    public_key: bytes | None
    sealed: bytes | None = None


@dataclass(frozen=True, slots=True)
class Platform:
    """A sender of webhooks."""

    platform_id: int
    name: str
    keys: tuple[PlatformKey, ...]  # newest first
    kind: str = STANDARD_KIND
    reactions: frozenset[str] | None = None  # that count; None: those of its kind

    def with_keys(self, key_indexes: Sequence[int]) -> "Platform":
        """Return the sender of a delivery: the platform with the keys that signed it."""
        if len(key_indexes) == len(self.keys):
            return self
        return replace(self, keys=tuple(self.keys[n] for n in key_indexes))


@dataclass(slots=True)
class Campaign:
    """A campaign's promise as intake and pledging use it."""

    campaign_id: int
    promise: ImmutablePart
    versions: list[PromiseTerms]  # as promised, oldest first
    terms: list[Terms]  # every version, as the engine computes with it
    closed_at: datetime | None
    calendar: Calendar
    key: bytes = field(repr=False)  # of pseudonyms
    tombstone_key: bytes = field(repr=False)
    has_tombstones: bool = False  # a person of the campaign was erased
    ruleset: Ruleset | None = None  # the newest version; None: its likes are not judged
    slug: str = field(init=False)
    accepts_any_content: bool = field(init=False)  # accepts content that no campaign has enrolled
    keeps_likes: bool = field(init=False)  # an unlike changes nothing
    has_limits: bool = field(init=False)  # some terms limit a person's likes per day
    has_quality: bool = field(init=False)  # some terms ask for quality
    late_us: int = field(init=False)  # how late a like may arrive, microseconds
    _pseudonymisers: dict[str, Callable[[str], bytes]] = field(default_factory=dict, repr=False)
    _terms_by_day: dict[date, Terms] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        rules = self.promise.campaign
        self.slug = rules.slug
        self.accepts_any_content, self.keeps_likes = rules.content == "open", rules.unlike == "keep"
        self.late_us = timedelta(days=rules.late_days) // timedelta(microseconds=1)
        self.has_limits = any(version.likes_per_person_per_day for version in self.terms)
        self.has_quality = any(version.quality_from for version in self.terms)

    @property
    def authenticity(self) -> AuthenticityPolicy:
        """What the promise says about rules and decisions; without that section, the defaults without rules."""
        return self.promise.authenticity or _NO_RULES

    def accepts_content(self, content: str, enrolments: Mapping[str, int]) -> bool:
        """Return whether the campaign counts likes of the content.

        The content is enrolled in it, or in no campaign while this one is open to any content.
        """
        campaign_id = enrolments.get(content)
        return self.accepts_any_content if campaign_id is None else campaign_id == self.campaign_id

    def pseudonymiser(self, platform: str) -> Callable[[str], bytes]:
        """Return the function from that platform's user ids to pseudonyms (16 bytes)."""
        if platform not in self._pseudonymisers:
            self._pseudonymisers[platform] = pseudonymiser(self.key, platform)
        return self._pseudonymisers[platform]

    def terms_on(self, day: date) -> Terms:
        """Return the terms in force on a campaign day."""
        if day not in self._terms_by_day:
            self._terms_by_day[day] = terms_on_day(versions_in_force(self.terms), day)
        return self._terms_by_day[day]

    def limit_on(self, day: date) -> int | None:
        """Return the number of a person's likes that may count on that day; None: no limit."""
        return self.terms_on(day).likes_per_person_per_day


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One version of the catalogue."""

    version: int
    campaigns: dict[str, Campaign]  # by slug
    campaigns_by_id: dict[int, Campaign]
    enrolments: dict[str, int]  # content: campaign_id
    platforms: dict[str, Platform]  # by name, without disabled platforms
    paused_contents: frozenset[tuple[int, str]] = frozenset()  # campaign_id and content

    def still_accepts(self, sender: Platform) -> bool:
        """Return whether a key that signed the sender's delivery is still live."""
        platform = self.platforms.get(sender.name)
        return platform is sender or (platform is not None and not set(platform.keys).isdisjoint(sender.keys))


_NO_RULES = AuthenticityPolicy(rules="none")
_EMPTY = Catalogue(-1, {}, {}, {}, {})


async def load_catalogue(conn: Connection, pseudonym_key: bytes, previous: Catalogue = _EMPTY) -> Catalogue:
    """Return the catalogue of one snapshot, so that all of it has one version.

    Reads only the content that changed since `previous`.
    """
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        return await read_catalogue(conn, pseudonym_key, previous)


async def read_catalogue(conn: Connection, pseudonym_key: bytes, previous: Catalogue = _EMPTY) -> Catalogue:
    """Return the catalogue with its enrolled content; `read_campaigns` is cheaper without.

    Joins the caller's transaction: one of a single snapshot, or one that called
    `lock_and_bump_version`.
    """
    version = await conn.fetchval(_READ_CATALOGUE_VERSION)
    campaigns = await read_campaigns(conn, pseudonym_key)
    enrolments, paused = await _read_enrolments(conn, previous), await _read_paused_contents(conn, previous)
    by_id = {campaign.campaign_id: campaign for campaign in campaigns.values()}
    return Catalogue(version, campaigns, by_id, enrolments, await read_platforms(conn), paused)


async def load_campaigns(conn: Connection, pseudonym_key: bytes) -> dict[str, Campaign]:
    """Return every campaign by its slug, as `read_campaigns` does, from a snapshot of its own."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        return await read_campaigns(conn, pseudonym_key)


async def read_campaigns(conn: Connection, pseudonym_key: bytes) -> dict[str, Campaign]:
    """Return every campaign by its slug, oldest first, without the (many) enrolled contents.

    Joins the caller's transaction.
    """
    terms = _group_by_column(await conn.fetch(_LIST_TERMS), "campaign_id")
    rows = await conn.fetch(_LIST_CAMPAIGNS)
    rulesets = await read_newest_rulesets(conn)
    return {
        row["slug"]: _campaign_from_row(
            row, terms.get(row["campaign_id"], []), pseudonym_key, rulesets.get(row["campaign_id"])
        )
        for row in rows
    }


async def read_platforms(conn: Connection) -> dict[str, Platform]:
    """Return every enabled platform by its name, with its live keys.

    Joins the caller's transaction.
    """
    keys = _group_by_column(await conn.fetch(_LIST_LIVE_KEYS), "platform_id")
    platforms = [_platform_from_row(row, keys) for row in await conn.fetch(_LIST_ENABLED_PLATFORMS)]
    return {platform.name: platform for platform in platforms}


async def _read_enrolments(conn: Connection, previous: Catalogue) -> dict[str, int]:
    """Return the previous enrolments with the later changes; the same object if nothing changed."""
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
    paused = {(row["campaign_id"], row["content"]) for row in changed if row["is_paused"]}
    return previous.paused_contents - {(row["campaign_id"], row["content"]) for row in changed} | paused


def _group_by_column(rows: list[asyncpg.Record], column: str) -> dict[int, list[asyncpg.Record]]:
    groups: dict[int, list[asyncpg.Record]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return groups


def _campaign_from_row(
    row: asyncpg.Record, terms: list[asyncpg.Record], pseudonym_key: bytes, ruleset: Ruleset | None
) -> Campaign:
    promise = ImmutablePart.model_validate_json(row["promise"])
    promised = [PromiseTerms.model_validate_json(version["promise"]) for version in terms]
    computed = [engine_terms(p, t["version"], t["from_day"]) for p, t in zip(promised, terms, strict=True)]
    rules = promise.campaign
    calendar = Calendar.from_bounds(rules.starts_at, rules.ends_at, ZoneInfo(rules.timezone))
    return Campaign(
        row["campaign_id"],
        promise,
        promised,
        computed,
        row["closed_at"],
        calendar,
        campaign_key(pseudonym_key, rules.slug),
        tombstone_key(pseudonym_key, rules.slug),
        has_tombstones=row["has_tombstones"],
        ruleset=ruleset,
    )


def _platform_from_row(row: asyncpg.Record, keys: dict[int, list[asyncpg.Record]]) -> Platform:
    live_keys = tuple(
        PlatformKey(key["key_id"], key["scheme"], key["salt"], key["public_key"], key["sealed"])
        for key in keys.get(row["platform_id"], [])
    )
    reactions = frozenset(row["reactions"]) if row["reactions"] else None
    return Platform(row["platform_id"], row["name"], live_keys, row["kind"], reactions)


async def lock_and_bump_version(conn: Connection) -> int:
    """Lock out intake's transactions, bump the version and return it.

    Waits for the transactions under way. Joins the caller's transaction, which keeps the lock
    until its end: call this first in every change of the catalogue.
    """
    await conn.execute(_LOCK_CATALOGUE)
    return int(await conn.fetchval(_BUMP_CATALOGUE_VERSION))


async def lock_shared(conn: Connection) -> None:
    """Keep the catalogue unchanged until the caller's transaction ends.

    A transaction that will change the catalogue calls `lock_and_bump_version` instead.
    """
    await conn.execute(_LOCK_CATALOGUE_SHARED)


class CatalogueCache:
    """The catalogue of this process, read at first use and again once its version is outdated."""

    def __init__(self, pool: Pool, pseudonym_key: bytes) -> None:
        self._pool = pool
        self._pseudonym_key = pseudonym_key
        self._catalogue: Catalogue | None = None

    async def get(self) -> Catalogue:
        """Return the cached catalogue, which may be one change behind."""
        return self._catalogue or await self.refresh()

    async def refresh(self) -> Catalogue:
        """Return the catalogue of the current version, read from the database if it has changed."""
        async with self._pool.acquire() as conn:
            if self._catalogue is None or await conn.fetchval(_READ_CATALOGUE_VERSION) != self._catalogue.version:
                self._catalogue = await load_catalogue(conn, self._pseudonym_key, self._catalogue or _EMPTY)
        return self._catalogue
