"""Who runs a command, and through which entry point."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["campaigns", "finance", "reviewer", "auditor", "owner"]
EntryPoint = Literal["http", "page", "command line", "schedule"]

ROLES: tuple[Role, ...] = ("campaigns", "finance", "reviewer", "auditor", "owner")
FINANCE_READERS: frozenset[Role] = frozenset({"finance", "auditor"})  # see account numbers and banks' words
BOOTSTRAP_ADMIN = "admin"  # the name that goes with the token in the settings
_OPERATOR_ROLE = "operator"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person with a role, or the operator, who has database access and needs no token."""

    name: str
    role: Role | Literal["operator"]
    entry_point: EntryPoint
    address: str = ""  # the client's address, if known

    @property
    def is_operator(self) -> bool:
        """Return whether this is no person: its commands are audited but need no approval."""
        return self.role == _OPERATOR_ROLE


OPERATOR = Actor("operator", "operator", "command line")
SCHEDULER = Actor("schedule", "operator", "schedule")
