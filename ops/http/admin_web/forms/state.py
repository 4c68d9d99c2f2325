"""A sheet: a command's form on its way, and what stands in it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.errors import Fault
from ops.admin.core.command import JSON, Command
from ops.admin.core.execute import Answer
from ops.http.admin_web import command_links
from ops.http.admin_web.forms.parsing import Values, Ways
from ops.http.admin_web.forms.preview_inputs import PARTS
from ops.http.admin_web.forms.schema import parts_of

EDITORS = (command_links.TERMS, command_links.CREATE)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A form on its way: the command, what it is about, and what stands in it."""

    command: Command[Any]
    of: str
    how: Ways
    values: Values
    faults: Sequence[Fault] = ()
    said: str | None = None  # why it was not done, where no field is wrong
    trial: Answer | None = None  # what it would do
    preview: Any = None
    focus: str = ""
    key: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    @property
    def parts(self) -> Any:
        """The command's parts, and those of a preview where there is one."""
        return parts_of(self.command.asked) + (PARTS if self.is_editor else ())

    @property
    def is_file(self) -> bool:
        """Whether the body is a file, as it is."""
        return self.command.content_type != JSON

    @property
    def is_editor(self) -> bool:
        """Whether it is a promise that is written."""
        return self.command.name in EDITORS
