"""Every command, list, table and reading of the administration, from the modules of their subjects."""

from typing import Any

from ops.admin import (
    auditing,
    campaigns,
    charities,
    content,
    deciding,
    payout_lists,
    payouts,
    platforms,
    promises,
    settlements,
    signed_in,
    sponsors,
    statements,
    tokens,
    uploads,
)
from ops.admin.command import Command
from ops.admin.listing import Listing, Reading
from ops.admin.table import Table


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
    *settlements.COMMANDS,
    *payouts.COMMANDS,
    *statements.COMMANDS,
    *tokens.COMMANDS,
    *signed_in.COMMANDS,
    *deciding.commands(find),
)
LISTINGS: tuple[Listing, ...] = (
    promises.CAMPAIGNS,
    content.CONTENT,
    uploads.UPLOADS,
    charities.CHARITIES,
    sponsors.SPONSORS,
    platforms.PLATFORMS,
    *payout_lists.LISTINGS,
    statements.LINES,
    deciding.PROPOSALS,
    tokens.TOKENS,
    signed_in.SESSIONS,
    auditing.AUDIT,
)
TABLES: tuple[Table, ...] = (auditing.TABLE,)
READINGS: tuple[Reading, ...] = (
    promises.CAMPAIGN,
    uploads.UPLOAD,
    *payout_lists.READINGS,
    deciding.PROPOSAL,
)

_BY_NAME = {command.name: command for command in COMMANDS}
