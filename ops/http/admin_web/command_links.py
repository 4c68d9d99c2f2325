"""What a command is called and does, where its form is, and where it belongs."""

from typing import Any
from urllib.parse import quote

from ops.admin.core.command import Command
from ops.http.admin_web.context import Visit
from ops.http.admin_web.csrf import PREFIX
from ops.http.admin_web.table_cells import place_of, subject
from ops.i18n import labels
from ops.i18n.language import Language

CREATE, TERMS = "campaign.create", "campaign.terms"
_ADDRESSES = {CREATE: "/admin/campaigns/new", TERMS: "/admin/campaigns/{of}/terms"}
_OF_PAGES = {"campaigns": "campaign", "proposals": "proposal", "settlements": "settlement", "payouts": "payout"}


def address(command: str, of: str = "") -> str:
    """Return where a command's form is."""
    own = _ADDRESSES.get(command, f"{PREFIX}/do/{command}" + ("/{of}" if of else ""))
    return own.replace("{of}", quote(of, safe=""))


def title(command: Command[Any], visit: Visit) -> str:
    """Return what a command is called."""
    return labels.known("do", command.name, visit.language, command.summary)


def note(command: Command[Any], visit: Visit) -> str | None:
    """Return what a command does, where its name does not say enough."""
    return labels.known("note", command.name, visit.language, "") or None


def home_of(command: Command[Any], of: str, language: Language) -> tuple[str, str]:
    """Return where a command belongs, and what that is called: the page of what it is about, or a list. Pure."""
    place = command.path.strip("/").split("/")[0]
    if of and (kind := _OF_PAGES.get(place)):
        told = f"{kind}/{of}"
        return place_of(told), subject(told, language)
    listed = "statement-lines" if place == "statements" else place
    return f"{PREFIX}/{listed}", labels.known("list", listed, language)
