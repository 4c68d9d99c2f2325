"""The versions of campaigns' rules: stored for good, announced in the public log by a salted hash.

Every function joins the caller's transaction, which has locked the catalogue to write.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from campaigns.authenticity.ruleset import (
    Ruleset,
    RulesetRefused,
    check_successor,
    parse_ruleset,
    ruleset_bytes,
    salted_sha256,
)
from campaigns.errors import FieldError
from ledger.publication.outbox import enqueue_leaf
from sql import Connection, query

SHIPPED_BY = "shipped"  # the author of the rules that come with this program
_SALT_BYTES = 16

_ADD_RULESET = query("add_ruleset")
_LIST_NEWEST_RULESETS = query("list_newest_rulesets")
_LIST_RULESETS = query("list_rulesets")


class Application(NamedTuple):
    """A file of rules, who applies it and when."""

    file: bytes
    by: str
    at: datetime


class StoredRuleset(NamedTuple):
    """A version of a campaign's rules as stored. `live_from` is None while its rules only observe."""

    version: int
    file: bytes
    body: str
    salt: str
    sha256: bytes
    applied_by: str
    applied_at: datetime
    live_from: datetime | None

    @property
    def ruleset(self) -> Ruleset:
        """The rules."""
        return read_body(self.body)


async def store_ruleset(conn: Connection, campaign_id: int, slug: str, application: Application) -> Ruleset:
    """Store a version of a campaign's rules and queue its leaf; the newest version again changes nothing.

    Raises RulesetRefused with every fault of the file, or if the version does not rise.
    """
    ruleset = parse_ruleset(application.file)
    stored = await list_rulesets(conn, campaign_id)
    check_successor(stored[0].ruleset if stored else None, ruleset)
    if stored and stored[0].version == ruleset.ruleset.version:
        return ruleset
    salt = secrets.token_hex(_SALT_BYTES)
    live_from = application.at if is_live(ruleset) else None
    digest = salted_sha256(application.file, salt)
    version = ruleset.ruleset.version
    row = version, application.file, ruleset_bytes(ruleset).decode(), salt, bytes.fromhex(digest)
    if await conn.fetchval(_ADD_RULESET, campaign_id, *row, application.by, application.at, live_from) is None:
        raise RulesetRefused(
            [FieldError("ruleset.version", "ruleset_version_not_rising", {"latest_number": version})]
        )
    leaf = {
        "campaign": slug,
        "version": version,
        "sha256": digest,
        "families": ruleset.families,
        "reason": ruleset.ruleset.reason.model_dump(),
    }
    leaf |= {"live_from": live_from.isoformat()} if live_from else {}
    await enqueue_leaf(conn, "ruleset", f"ruleset/{slug}/{version}", leaf)
    return ruleset


def is_live(ruleset: Ruleset) -> bool:
    """Return whether some rule holds likes, and does not only observe. Pure."""
    return any(rule.mode == "live" for rule in ruleset.rules)


async def read_newest_rulesets(conn: Connection) -> Mapping[int, Ruleset]:
    """Return the newest rules of each campaign that has any, by campaign_id."""
    return {row["campaign_id"]: read_body(row["body"]) for row in await conn.fetch(_LIST_NEWEST_RULESETS)}


async def list_rulesets(conn: Connection, campaign_id: int) -> list[StoredRuleset]:
    """Return the versions of a campaign's rules, newest first."""
    return [StoredRuleset(*row) for row in await conn.fetch(_LIST_RULESETS, campaign_id)]


@lru_cache(maxsize=256)
def read_body(body: str) -> Ruleset:
    """Return the rules of a stored body. Pure."""
    return Ruleset.model_validate_json(body)
