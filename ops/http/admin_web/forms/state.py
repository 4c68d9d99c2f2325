"""A command's form with its typed values, errors and dry run."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.errors import FieldError
from ops.admin.core.command import JSON_TYPE, Command
from ops.admin.core.execute import CommandResponse
from ops.http.admin_web import command_links
from ops.http.admin_web.forms.parsing import FormValues, InputFormat
from ops.http.admin_web.forms.preview_inputs import PREVIEW_PARTS
from ops.http.admin_web.forms.schema import form_schema

PROMISE_COMMANDS = (command_links.NEW_TERMS, command_links.CREATE_CAMPAIGN)


@dataclass(frozen=True, slots=True)
class FormState:
    """A command's form: the command, its subject and the values typed so far."""

    command: Command[Any]
    subject_id: str
    input_format: InputFormat
    values: FormValues
    field_errors: Sequence[FieldError] = ()
    refusal: str | None = None  # a sentence that concerns no field
    dry_run_result: CommandResponse | None = None
    preview: Any = None
    focus: str = ""
    key: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    @property
    def parts(self) -> Any:
        """The command's parts, followed by the preview inputs in the editor."""
        return form_schema(self.command.body_type) + (PREVIEW_PARTS if self.is_editor else ())

    @property
    def is_file(self) -> bool:
        """Whether the body is an uploaded file."""
        return self.command.content_type != JSON_TYPE

    @property
    def is_editor(self) -> bool:
        """Whether the form edits a promise."""
        return self.command.name in PROMISE_COMMANDS
