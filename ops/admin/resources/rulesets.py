"""The rules of campaigns: the command that applies a version, and the versions for reviewers."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.authenticity.ruleset import Ruleset, RulesetRefused, default_file
from campaigns.catalogue import apply_ruleset, cache, rulesets
from campaigns.errors import FieldError, printable
from ops.admin.core.actor import Role
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult
from ops.admin.core.pagination import DetailEndpoint
from ops.admin.resources.campaigns import find_campaign

REVIEWERS: frozenset[Role] = frozenset({"reviewer"})
FILE_CHARS_MAX = 60_000  # a proposal stores it
READERS: frozenset[Role] = frozenset({"reviewer", "auditor"})
_EXAMPLE_FILE = default_file().decode().replace("version = 1\n", "version = 2\n", 1)


class NewRules(CommandBody):
    """A version of a campaign's rules."""

    campaign: Annotated[str, Field(min_length=1, max_length=100, description="the campaign's slug")]
    file: Annotated[
        str, Field(min_length=1, max_length=FILE_CHARS_MAX, description="the ruleset, as TOML, with a rising version")
    ]


class RulesVersion(TypedDict):
    """A version of a campaign's rules, with its file as it was applied; secret while the campaign runs."""

    version: int
    sha256: str
    families: list[str]
    applied_by: str
    applied_at: str
    live_from: str | None
    file: str


class RulesVersions(TypedDict):
    """The versions of a campaign's rules, newest first."""

    campaign: str
    versions: list[RulesVersion]


async def _read_versions(context: CommandContext, slug: str) -> RulesVersions:
    """Return the versions of a campaign's rules. Raises NotFound."""
    campaign = await find_campaign(context, slug)
    stored = await rulesets.list_rulesets(context.conn, campaign.campaign_id)
    return {"campaign": campaign.slug, "versions": [_version_view(version) for version in stored]}


def _version_view(stored: rulesets.StoredRuleset) -> RulesVersion:
    return {
        "version": stored.version,
        "sha256": stored.sha256.hex(),
        "families": stored.ruleset.families,
        "applied_by": stored.applied_by,
        "applied_at": stored.applied_at.isoformat(),
        "live_from": stored.live_from.isoformat() if stored.live_from else None,
        "file": stored.file.decode(),
    }


async def _apply(context: CommandContext, _: str, body: NewRules) -> CommandResult:
    await cache.lock_and_bump_version(context.conn)
    campaign = (await cache.read_campaigns(context.conn, context.keys.pseudonym)).get(body.campaign)
    if campaign is None:
        raise RulesetRefused([FieldError("campaign", "campaign_not_found", {"slug": printable(body.campaign)})])
    plan = await apply_ruleset.apply_ruleset(
        context.conn, campaign, body.file.encode(), context.actor.name, context.now
    )
    effects = {change.change.path: change.effect for change in plan.changes}
    return CommandResult(
        f"campaign/{campaign.slug}",
        None if plan.before is None else ruleset_json(plan.before),
        ruleset_json(plan.after),
        approval_reason=plan.approval_reason,
        details={"version": plan.after.ruleset.version, "effects": effects},
    )


def ruleset_json(ruleset: Ruleset) -> dict[str, Any]:
    """Return the rules with their numbers, each rule under its id. Pure."""
    fields = ruleset.model_dump(mode="json", exclude={"rules"})
    return fields | {"rules": {rule.id: rule.model_dump(mode="json", exclude={"id"}) for rule in ruleset.rules}}


COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "rules.apply",
        "/review/rules",
        "Apply a version of a campaign's rules; likes of unsettled days are judged again",
        REVIEWERS,
        NewRules,
        _apply,
        approvers=REVIEWERS,
        example={"campaign": "rural-education", "file": _EXAMPLE_FILE},
    ),
)
DETAILS: tuple[DetailEndpoint, ...] = (
    DetailEndpoint(
        "/review/rules/{slug}",
        "The versions of a campaign's rules with their files, newest first",
        READERS,
        _read_versions,
        RulesVersions,
    ),
)
