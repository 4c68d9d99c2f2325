"""Every command, list, table and reading of the administration, from the modules of their subjects."""

from typing import Any

from ops.admin.auth import tokens
from ops.admin.core.command import Command
from ops.admin.core.csv_export import Table
from ops.admin.core.pagination import Listing, Reading
from ops.admin.resources import (
    audit,
    campaign_views,
    campaigns,
    charities,
    content,
    content_uploads,
    payouts,
    platforms,
    proposals,
    sessions,
    settlement_lists,
    settlements,
    sponsors,
    statements,
)


def find(name: str) -> Command[Any]:
    """Return the command of a name."""
    return _BY_NAME[name]


COMMANDS: tuple[Command[Any], ...] = (
    *campaigns.COMMANDS,
    *content.COMMANDS,
    *content_uploads.COMMANDS,
    *charities.COMMANDS,
    *sponsors.COMMANDS,
    *platforms.COMMANDS,
    *settlements.COMMANDS,
    *payouts.COMMANDS,
    *statements.COMMANDS,
    *tokens.COMMANDS,
    *sessions.COMMANDS,
    *proposals.commands(find),
)
LISTINGS: tuple[Listing, ...] = (
    campaign_views.CAMPAIGNS,
    content.CONTENT,
    content_uploads.UPLOADS,
    charities.CHARITIES,
    sponsors.SPONSORS,
    platforms.PLATFORMS,
    *settlement_lists.LISTINGS,
    statements.LINES,
    proposals.PROPOSALS,
    tokens.TOKENS,
    sessions.SESSIONS,
    audit.AUDIT,
)
TABLES: tuple[Table, ...] = (audit.TABLE,)
READINGS: tuple[Reading, ...] = (
    campaign_views.CAMPAIGN,
    content_uploads.UPLOAD,
    *settlement_lists.READINGS,
    proposals.PROPOSAL,
)

_BY_NAME = {command.name: command for command in COMMANDS}
