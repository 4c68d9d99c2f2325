"""Every command, list, CSV export and detail view of the administration."""

from typing import Any

from ops.admin.auth import tokens
from ops.admin.core.command import Command
from ops.admin.core.csv_export import CsvExport
from ops.admin.core.pagination import DetailEndpoint, ListEndpoint
from ops.admin.resources import (
    appeals,
    audit,
    campaign_views,
    campaigns,
    charities,
    content,
    content_uploads,
    payment_statuses,
    payouts,
    people,
    platforms,
    proposals,
    review,
    review_lists,
    rulesets,
    sessions,
    settlement_lists,
    settlements,
    sponsors,
    statements,
)


def find_command(name: str) -> Command[Any]:
    """Return the command with that name. Raises KeyError."""
    return _BY_NAME[name]


COMMANDS: tuple[Command[Any], ...] = (
    *campaigns.COMMANDS,
    *content.COMMANDS,
    *content_uploads.COMMANDS,
    *charities.COMMANDS,
    *sponsors.COMMANDS,
    *platforms.COMMANDS,
    *people.COMMANDS,
    *settlements.COMMANDS,
    *payouts.COMMANDS,
    *statements.COMMANDS,
    *payment_statuses.COMMANDS,
    *review.COMMANDS,
    *appeals.COMMANDS,
    *rulesets.COMMANDS,
    *tokens.COMMANDS,
    *sessions.COMMANDS,
    *proposals.decision_commands(find_command),
)
LIST_ENDPOINTS: tuple[ListEndpoint, ...] = (
    campaign_views.CAMPAIGNS,
    content.CONTENT,
    content_uploads.UPLOADS,
    charities.CHARITIES,
    sponsors.SPONSORS,
    platforms.PLATFORMS,
    *settlement_lists.LISTS,
    statements.STATEMENT_LINES,
    payment_statuses.PAYMENT_STATUSES,
    *review_lists.LISTS,
    appeals.APPEALS,
    proposals.PROPOSALS,
    tokens.TOKENS,
    sessions.SESSIONS,
    audit.AUDIT,
)
CSV_EXPORTS: tuple[CsvExport, ...] = (audit.AUDIT_CSV,)
DETAIL_ENDPOINTS: tuple[DetailEndpoint, ...] = (
    campaign_views.CAMPAIGN,
    content_uploads.UPLOAD,
    *settlement_lists.DETAILS,
    *review_lists.DETAILS,
    *rulesets.DETAILS,
    proposals.PROPOSAL,
)

_BY_NAME = {command.name: command for command in COMMANDS}
