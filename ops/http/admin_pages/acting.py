"""A command's form within another page: a campaign's, a proposal's, a settlement's."""

from typing import Any, NamedTuple

from ops.admin.command import Command
from ops.http.admin_pages import giving, named
from ops.http.admin_pages.drawn import Form
from ops.http.admin_pages.drawn import form as drawn
from ops.http.admin_pages.sheet import Sheet
from ops.http.admin_pages.visit import Visit


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
    note = named.note(command, visit)
    return Action(named.title(command, visit), note, named.address(command.name, place), sheet, form)
