"""The door from the command line to the desk: for the operator, or for a person whom a token proves."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ops.cli import runtime

if TYPE_CHECKING:
    from ops.admin.core.actor import Actor
    from ops.admin.core.command import Office
    from ops.admin.core.execute import Answer

By: TypeAlias = Annotated[
    str | None,
    typer.Option("--as", help="Who does it, proven by their token; left out: the operator, who is nobody."),
]
Token: TypeAlias = Annotated[str | None, typer.Option(help="Their token; better typed when asked.")]


@dataclass(frozen=True, slots=True)
class Door:
    """Who gives commands, and the desk that does them."""

    office: "Office"
    actor: "Actor"

    async def give(self, command: str, place: str, asked: Mapping[str, Any] | None = None) -> "Answer":
        """Have a command done."""
        from pydantic import ValidationError

        from campaigns.errors import Faulty
        from campaigns.promise.toml_file import faults
        from ops.admin import registry
        from ops.admin.core import execute

        found = registry.find(command)
        try:
            body = found.asked.model_validate(asked or {})
        except ValidationError as error:
            raise Faulty(faults(error)) from None
        return await execute.do(self.office, self.actor, found, place, body)


def token_of(by: str | None, token: str | None) -> str:
    """Return the token that proves somebody; asks for it where it was not given."""
    if by is None or token is not None:
        return token or ""
    return str(typer.prompt("token", hide_input=True, err=True))


@asynccontextmanager
async def opened(by: str | None, token: str) -> AsyncIterator[Door]:
    """Yield the desk for whoever pays. TokenRefused: it is not their token, or their role does not pay."""
    from ops.admin.auth import tokens
    from ops.admin.core.actor import AT_THE_MACHINE, Actor
    from ops.admin.core.command import Office
    from ops.clock import utc_now
    from ops.settings import load

    async with runtime.opened() as own:
        actor = AT_THE_MACHINE
        if by is not None:
            async with own.pool.acquire() as conn:
                found = await tokens.holder(conn, token, by, tokens.CLERKS, utc_now())
            actor = Actor(found.name, found.role, "command line")
        yield Door(Office(own.pool, own.keys, load(), raises=True), actor)
