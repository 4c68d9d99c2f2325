"""Every command, list and reading of the administration, from the modules of their subjects."""

from typing import Any

from ops.admin import (
    auditing,
    campaigns,
    charities,
    content,
    deciding,
    platforms,
    promises,
    sponsors,
    tokens,
    uploads,
)
from ops.admin.command import Command
from ops.admin.listing import Listing, Reading


def find(name: str) -> Command[Any]:
    """Return the command of a name."""
    return _BY_NAME[name]


COMMANDS: tuple[Command[Any], ...] = (
    *campaigns.COMMANDS,
    *content.COMMANDS,
    *uploads.COMMANDS,
    *charities.COMMANDS,
    *sponsors.COMMANDS,
    *platforms.COMMANDS,
    *tokens.COMMANDS,
    *deciding.commands(find),
)
LISTINGS: tuple[Listing, ...] = (
    promises.CAMPAIGNS,
    content.CONTENT,
    uploads.UPLOADS,
    charities.CHARITIES,
    sponsors.SPONSORS,
    platforms.PLATFORMS,
    deciding.PROPOSALS,
    tokens.TOKENS,
    auditing.AUDIT,
)
READINGS: tuple[Reading, ...] = (promises.CAMPAIGN, uploads.UPLOAD)

_BY_NAME = {command.name: command for command in COMMANDS}
