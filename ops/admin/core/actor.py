"""Who gives a command, and through which door they came."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["campaigns", "finance", "reviewer", "auditor", "owner"]
Door = Literal["http", "page", "command line", "schedule"]

ROLES: tuple[Role, ...] = ("campaigns", "finance", "reviewer", "auditor", "owner")
BY_SETTING = "admin"  # the name of who comes with the token of the settings
_OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person with a role; or the operator, who has the database in hand and needs no token."""

    name: str
    role: Role | Literal["operator"]
    door: Door
    address: str = ""  # where they came from, as far as is known

    @property
    def is_operator(self) -> bool:
        """Tell whether this is no person: such a command is told in the audit and asks nobody."""
        return self.role == _OPERATOR


AT_THE_MACHINE = Actor("operator", "operator", "command line")
BY_SCHEDULE = Actor("schedule", "operator", "schedule")
