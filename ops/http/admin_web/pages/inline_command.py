"""A command's form within another page: a campaign's, a proposal's, a settlement's."""

from typing import Any, NamedTuple

from ops.admin.core.command import Command
from ops.http.admin_web import command_links
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.forms.rendering import RenderedForm
from ops.http.admin_web.forms.rendering import render_form as drawn
from ops.http.admin_web.forms.state import FormState
from ops.http.admin_web.pages import command as giving


class InlineCommand(NamedTuple):
    """The form, where it is sent, and what the command does."""

    title: str
    note: str | None
    url: str
    form_state: FormState
    form: RenderedForm


async def inline_command(
    context: PageContext, command: Command[Any], subject_id: str, **preset_values: str
) -> InlineCommand:
    """Return a command's form, to be drawn within a page."""
    sheet = await giving.initial_form_state(context, command, subject_id)
    values = {**sheet.values, **preset_values}
    form = drawn(sheet.parts, values, (), sheet.input_format, context.language)
    note = command_links.command_note(command, context)
    return InlineCommand(
        command_links.command_title(command, context),
        note,
        command_links.command_url(command.name, subject_id),
        sheet,
        form,
    )
