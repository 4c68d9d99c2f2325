"""The versions of a campaign's rules in public: salted hashes at once, files and salts after the close."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.catalogue.rulesets import StoredRuleset, list_rulesets
from campaigns.promise.model import LocalizedText
from campaigns.reporting.snapshot import Instant, format_instant
from sql import Connection, query

SECRET_AFTER_CLOSE = timedelta(days=90)

_FIND_RULED_CAMPAIGN = query("find_ruled_campaign")


class PublishedRuleset(TypedDict):
    """A version of the rules. `live_from` is null while they only observe."""

    version: int
    sha256: Annotated[str, Field(description="SHA-256 over the file followed by its salt, as the log has it")]
    applied_at: Instant
    live_from: Instant | None
    families: list[str]
    reason: LocalizedText
    file: Annotated[str | None, Field(description="TOML; null until 90 days after the close")]
    salt: Annotated[str | None, Field(description="32 hexadecimal digits; null until 90 days after the close")]


class PublishedRulesets(TypedDict):
    """The versions of a campaign's rules, newest first; none if its likes are not judged."""

    campaign: str
    as_of: Instant
    rulesets: list[PublishedRuleset]


async def read_published_rulesets(conn: Connection, slug: str, now: datetime) -> PublishedRulesets | None:
    """Return the versions of a campaign's rules; None if the campaign is unknown."""
    row = await conn.fetchrow(_FIND_RULED_CAMPAIGN, slug)
    if row is None:
        return None
    is_open = row["closed_at"] is not None and now >= row["closed_at"] + SECRET_AFTER_CLOSE
    stored = await list_rulesets(conn, row["campaign_id"])
    versions = [publish_ruleset(version, is_open=is_open) for version in stored]
    return {"campaign": slug, "as_of": format_instant(now), "rulesets": versions}


def publish_ruleset(stored: StoredRuleset, *, is_open: bool) -> PublishedRuleset:
    """Return a version as the public sees it: with file and salt only if it is open. Pure."""
    ruleset = stored.ruleset
    return {
        "version": stored.version,
        "sha256": stored.sha256.hex(),
        "applied_at": format_instant(stored.applied_at),
        "live_from": format_instant(stored.live_from) if stored.live_from else None,
        "families": ruleset.families,
        "reason": ruleset.ruleset.reason,
        "file": stored.file.decode() if is_open else None,
        "salt": stored.salt if is_open else None,
    }
