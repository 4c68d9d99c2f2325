"""The door from the command line to the desk: for the operator, or for a person whom a token proves."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ops.cli import runtime

if TYPE_CHECKING:
    from ops.admin.core.actor import Actor
    from ops.admin.core.command import CommandServices
    from ops.admin.core.execute import CommandResponse

AsPerson: TypeAlias = Annotated[
    str | None,
    typer.Option("--as", help="Who does it, proven by their token; left out: the operator, who is nobody."),
]
Token: TypeAlias = Annotated[str | None, typer.Option(help="Their token; better typed when asked.")]


@dataclass(frozen=True, slots=True)
class PersonSession:
    """Who gives commands, and the desk that does them."""

    services: "CommandServices"
    actor: "Actor"

    async def execute(
        self, command: str, subject_id: str, parameters: Mapping[str, Any] | None = None
    ) -> "CommandResponse":
        """Have a command done."""
        from pydantic import ValidationError

        from campaigns.errors import ValidationFailed
        from campaigns.promise.toml_file import field_errors
        from ops.admin import registry
        from ops.admin.core import execute

        found = registry.find_command(command)
        try:
            body = found.body_type.model_validate(parameters or {})
        except ValidationError as error:
            raise ValidationFailed(field_errors(error)) from None
        return await execute.execute(self.services, self.actor, found, subject_id, body)


def prompt_token(person: str | None, token: str | None) -> str:
    """Return the token that proves somebody; asks for it where it was not given."""
    if person is None or token is not None:
        return token or ""
    return str(typer.prompt("token", hide_input=True, err=True))


@asynccontextmanager
async def open_person_session(person: str | None, token: str) -> AsyncIterator[PersonSession]:
    """Yield the desk for whoever pays. TokenRefused: it is not their token, or their role does not pay."""
    from ops.admin.auth import tokens
    from ops.admin.core.actor import OPERATOR, Actor
    from ops.admin.core.command import CommandServices
    from ops.clock import utc_now
    from ops.settings import load_settings

    async with runtime.open_session() as own:
        actor = OPERATOR
        if person is not None:
            async with own.pool.acquire() as conn:
                found = await tokens.require_identity(conn, token, person, tokens.PAYOUT_ROLES, utc_now())
            actor = Actor(found.name, found.role, "command line")
        yield PersonSession(CommandServices(own.pool, own.keys, load_settings(), raises_after_commit=True), actor)
