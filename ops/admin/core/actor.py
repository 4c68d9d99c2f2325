"""Who gives a command, and through which door they came."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["campaigns", "finance", "reviewer", "auditor", "owner"]
EntryPoint = Literal["http", "page", "command line", "schedule"]

ROLES: tuple[Role, ...] = ("campaigns", "finance", "reviewer", "auditor", "owner")
BOOTSTRAP_ADMIN = "admin"  # the name of who comes with the token of the settings
_OPERATOR_ROLE = "operator"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person with a role; or the operator, who has the database in hand and needs no token."""

    name: str
    role: Role | Literal["operator"]
    entry_point: EntryPoint
    address: str = ""  # where they came from, as far as is known

    @property
    def is_operator(self) -> bool:
        """Tell whether this is no person: such a command is told in the audit and asks nobody."""
        return self.role == _OPERATOR_ROLE


OPERATOR = Actor("operator", "operator", "command line")
SCHEDULER = Actor("schedule", "operator", "schedule")
