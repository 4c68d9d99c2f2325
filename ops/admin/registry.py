"""Every command, list and reading of the administration, from the modules of their subjects."""

from typing import Any

from ops.admin import auditing, campaigns, deciding, tokens
from ops.admin.command import Command
from ops.admin.listing import Listing, Reading


def find(name: str) -> Command[Any]:
    """Return the command of a name."""
    return _BY_NAME[name]


COMMANDS: tuple[Command[Any], ...] = (*campaigns.COMMANDS, *tokens.COMMANDS, *deciding.commands(find))
LISTINGS: tuple[Listing, ...] = (deciding.PROPOSALS, tokens.TOKENS, auditing.AUDIT)
READINGS: tuple[Reading, ...] = (deciding.PROPOSAL,)

_BY_NAME = {command.name: command for command in COMMANDS}
