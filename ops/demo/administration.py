"""The people of the demonstration. They use the administration's own commands, so its audit log tells the story."""

from typing import Any

from ops.admin import registry
from ops.admin.core.actor import OPERATOR, Actor
from ops.admin.core.command import CommandServices
from ops.admin.core.execute import CommandResponse, execute
from ops.admin.core.proposals import find_proposal

CAMPAIGNS_PERSON = Actor("campaign editor", "campaigns", "command line")
TREASURER = Actor("treasurer", "finance", "command line")
APPROVERS = tuple(Actor(name, "finance", "command line") for name in ("first approver", "second approver"))
_TOKEN_DAYS = 1


async def run_command(
    services: CommandServices, person: Actor, name: str, subject_id: str, body: dict[str, Any] | None = None
) -> CommandResponse:
    """Run a command as a person and return its response; a second person approves it if it needs one."""
    command = registry.find_command(name)
    parsed = command.body_type.model_validate(body or {})
    response = await execute(services, person, command, subject_id, parsed)
    if response["proposal"] is not None:
        await _approve(services, response["proposal"])
    return response


async def _approve(services: CommandServices, proposal_id: str) -> None:
    async with services.pool.acquire() as conn:
        proposal = await find_proposal(conn, proposal_id)
    await run_command(services, APPROVERS[0], "proposal.approve", proposal_id, {"hash": proposal.hash.hex()})


async def create_owner(services: CommandServices, label: str) -> str:
    """Return the token of a new owner, valid for a day."""
    body = {"name": f"demo owner {label}", "role": "owner", "days": _TOKEN_DAYS}
    return (await run_command(services, OPERATOR, "token.create", "", body))["secret"]
