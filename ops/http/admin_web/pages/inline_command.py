"""A command's form inside another page: a campaign's, a proposal's or a settlement's."""

from typing import Any, NamedTuple

from ops.admin.core.command import Command
from ops.http.admin_web import command_links
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.forms.rendering import RenderedForm, render_form
from ops.http.admin_web.forms.state import FormState
from ops.http.admin_web.pages import command as command_pages


class InlineCommand(NamedTuple):
    """A command's form, its explanation and the URL that it is sent to."""

    title: str
    note: str | None
    url: str
    form_state: FormState
    form: RenderedForm


async def inline_command(
    context: PageContext, command: Command[Any], subject_id: str, **preset_values: str
) -> InlineCommand:
    """Return a command's form for use inside a page; `preset_values` by input path."""
    form_state = await command_pages.initial_form_state(context, command, subject_id)
    values = {**form_state.values, **preset_values}
    return InlineCommand(
        command_links.command_title(command, context),
        command_links.command_note(command, context),
        command_links.command_url(command.name, subject_id),
        form_state,
        render_form(form_state.parts, values, (), form_state.input_format, context.language),
    )
