"""Titles, notes and URLs of commands."""

from typing import Any
from urllib.parse import quote

from ops.admin.core.command import Command
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.csrf import ADMIN_WEB_PREFIX
from ops.http.admin_web.table_cells import format_subject, subject_url
from ops.i18n import labels
from ops.i18n.language import Language

CREATE_CAMPAIGN, NEW_TERMS = "campaign.create", "campaign.terms"
_COMMAND_URLS = {CREATE_CAMPAIGN: "/admin/campaigns/new", NEW_TERMS: "/admin/campaigns/{subject}/terms"}
_KINDS_BY_PAGE = {"campaigns": "campaign", "proposals": "proposal", "settlements": "settlement", "payouts": "payout"}
_KINDS_BY_PAGE |= {"review": "case"}


def command_url(command: str, subject_id: str = "") -> str:
    """Return the URL of a command's form."""
    default = f"{ADMIN_WEB_PREFIX}/do/{command}" + ("/{subject}" if subject_id else "")
    return _COMMAND_URLS.get(command, default).replace("{subject}", quote(subject_id, safe=""))


def command_title(command: Command[Any], context: PageContext) -> str:
    """Return a command's title."""
    return labels.lookup_text("command", command.name, context.language, command.summary)


def command_note(command: Command[Any], context: PageContext) -> str | None:
    """Return a command's explanation; None if its title says enough."""
    return labels.lookup_text("note", command.name, context.language, "") or None


def command_home(command: Command[Any], subject_id: str, language: Language) -> tuple[str, str]:
    """Return URL and title of the page that a command belongs to: its subject's page, or a list. Pure."""
    page = command.path.strip("/").split("/")[0]
    if subject_id and (kind := _KINDS_BY_PAGE.get(page)):
        subject = f"{kind}/{subject_id}"
        return subject_url(subject), format_subject(subject, language)
    list_name = "statement-lines" if page == "statements" else page
    return f"{ADMIN_WEB_PREFIX}/{list_name}", labels.lookup_text("list", list_name, language)
