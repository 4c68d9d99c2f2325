"""A sheet: a command's form on its way, and what stands in it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.refusals import Fault
from ops.admin.command import JSON, Command
from ops.admin.desk import Answer
from ops.http.admin_pages import named
from ops.http.admin_pages.fields import parts_of
from ops.http.admin_pages.filled import Values, Ways
from ops.http.admin_pages.supposed import PARTS

EDITORS = (named.TERMS, named.CREATE)


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
