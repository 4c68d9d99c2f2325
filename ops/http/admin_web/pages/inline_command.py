"""A command's form within another page: a campaign's, a proposal's, a settlement's."""

from typing import Any, NamedTuple

from ops.admin.core.command import Command
from ops.http.admin_web import command_links
from ops.http.admin_web.context import Visit
from ops.http.admin_web.forms.rendering import Form
from ops.http.admin_web.forms.rendering import form as drawn
from ops.http.admin_web.forms.state import Sheet
from ops.http.admin_web.pages import command as giving


class Action(NamedTuple):
    """The form, where it is sent, and what the command does."""

    title: str
    note: str | None
    address: str
    sheet: Sheet
    form: Form


async def action(visit: Visit, command: Command[Any], place: str, **given: str) -> Action:
    """Return a command's form, to be drawn within a page."""
    sheet = await giving.sheet(visit, command, place)
    values = {**sheet.values, **given}
    form = drawn(sheet.parts, values, (), sheet.how, visit.language)
    note = command_links.note(command, visit)
    return Action(command_links.title(command, visit), note, command_links.address(command.name, place), sheet, form)
