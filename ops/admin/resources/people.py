"""People who like: erase one from a campaign. Neither the audit log nor a digest names the person."""

from typing import Annotated, Any

from pydantic import Field

from campaigns.catalogue import cache, platforms
from campaigns.intake import erasure
from campaigns.intake.delivery_body import Person
from campaigns.promise.model import Slug
from ops.admin.core.actor import Role
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult
from ops.admin.resources.campaigns import find_campaign

_OWNER_ONLY: frozenset[Role] = frozenset()


class ErasureRequest(CommandBody):
    """The person to erase, as a platform names them."""

    platform: Annotated[Slug, Field(description="the platform's name")]
    person: Annotated[Person, Field(description="the person's id at the platform; it is not stored")]


async def _forget(context: CommandContext, slug: str, body: ErasureRequest) -> CommandResult:
    """Erase a person. Also a request that finds no like is audited: it proves that somebody looked."""
    await cache.lock_and_bump_version(context.conn)
    campaign = await find_campaign(context, slug)
    await platforms.live_key_schemes(context.conn, body.platform)  # a mistyped platform would erase nobody silently
    likes = await erasure.erase_person(context.conn, campaign, body.platform, body.person)
    return CommandResult(f"campaign/{slug}", None, {"platform": body.platform, "erased_likes": likes})


COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "person.forget",
        "/campaigns/{slug}/people/forget",
        "Erase what links a person to their likes; totals and proofs stay, and their likes count once",
        _OWNER_ONLY,
        ErasureRequest,
        _forget,
        example={"platform": "short-videos", "person": "u-48213"},
        has_personal_body=True,
    ),
)
