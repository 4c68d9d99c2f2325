"""What a command is called and does, where its form is, and where it belongs."""

from typing import Any
from urllib.parse import quote

from ops.admin.core.command import Command
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.csrf import ADMIN_WEB_PREFIX
from ops.http.admin_web.table_cells import format_subject, subject_url
from ops.i18n import labels
from ops.i18n.language import Language

CREATE_CAMPAIGN, NEW_TERMS = "campaign.create", "campaign.terms"
_COMMAND_URLS = {CREATE_CAMPAIGN: "/admin/campaigns/new", NEW_TERMS: "/admin/campaigns/{of}/terms"}
_KINDS_BY_PAGE = {"campaigns": "campaign", "proposals": "proposal", "settlements": "settlement", "payouts": "payout"}


def command_url(command: str, subject_id: str = "") -> str:
    """Return where a command's form is."""
    own = _COMMAND_URLS.get(command, f"{ADMIN_WEB_PREFIX}/do/{command}" + ("/{of}" if subject_id else ""))
    return own.replace("{of}", quote(subject_id, safe=""))


def command_title(command: Command[Any], context: PageContext) -> str:
    """Return what a command is called."""
    return labels.lookup_text("do", command.name, context.language, command.summary)


def command_note(command: Command[Any], context: PageContext) -> str | None:
    """Return what a command does, where its name does not say enough."""
    return labels.lookup_text("note", command.name, context.language, "") or None


def command_home(command: Command[Any], subject_id: str, language: Language) -> tuple[str, str]:
    """Return where a command belongs, and what that is called: the page of what it is about, or a list. Pure."""
    place = command.path.strip("/").split("/")[0]
    if subject_id and (kind := _KINDS_BY_PAGE.get(place)):
        told = f"{kind}/{subject_id}"
        return subject_url(told), format_subject(told, language)
    listed = "statement-lines" if place == "statements" else place
    return f"{ADMIN_WEB_PREFIX}/{listed}", labels.lookup_text("list", listed, language)
