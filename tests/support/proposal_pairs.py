"""Proposals in every state, and manipulations of their rows that the invariants must detect."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from ops.admin import registry
from ops.admin.core import execute
from ops.admin.core.actor import Actor
from ops.admin.core.command import Command, CommandContext, CommandResult, CommandServices
from ops.admin.resources import proposals
from ops.clock import utc_now
from ops.keys import Keys
from ops.settings import Settings
from sql import Pool

HOLD = timedelta(hours=1)
FAY, FRED = Actor("fay", "finance", "http", "192.0.2.1"), Actor("fred", "finance", "page", "192.0.2.2")
_FUND = registry.find_command("campaign.fund")


async def _run_fund_later(context: CommandContext, slug: str, body: Any) -> CommandResult:
    return replace(await _FUND.run(context, slug, body), hold=HOLD)


_FUND_LATER = replace(_FUND, name="campaign.fund.later", run=_run_fund_later)


def _find_command(name: str) -> Command[Any]:
    return _FUND_LATER if name == _FUND_LATER.name else registry.find_command(name)


async def create_proposals(pool: Pool, slug: str, keys: Keys) -> None:
    """Propose funding: done, done after a hold, failed, refused, withdrawn and pending."""
    services = CommandServices(pool, keys, Settings())
    decisions = {command.name: command for command in proposals.decision_commands(_find_command)}

    async def propose(reference: str, command: Command[Any] = _FUND) -> str:
        body = command.body_type.model_validate({"amount_minor": 1, "reference": reference})
        response = await execute.execute(services, FAY, command, slug, body)
        assert response["proposal"] is not None
        return response["proposal"]

    async def decide(person: Actor, name: str, proposal: str, **fields: str) -> None:
        command = decisions[f"proposal.{name}"]
        await execute.execute(services, person, command, proposal, command.body_type.model_validate(fields))

    async def approve(proposal: str) -> None:
        digest = await pool.fetchval("SELECT encode(hash, 'hex') FROM proposals WHERE proposal_id = $1", proposal)
        await decide(FRED, "approve", proposal, hash=digest)

    kept, failing = await propose("held", _FUND_LATER), await propose("fails", _FUND_LATER)
    await approve(kept)
    await approve(failing)
    await proposals.execute_due(
        services, _find_command, utc_now() + 2 * HOLD
    )  # the outcome of the second has changed
    await approve(await propose("done"))
    await decide(FRED, "refuse", await propose("refused"), reason="not agreed")
    await decide(FAY, "withdraw", await propose("withdrawn"), reason="by mistake")
    await propose("pending")


TAMPERINGS = {
    "proposals_are_decided_by_a_second_person": [
        "UPDATE proposals SET asked_by = 'fred'",
        "UPDATE proposal_steps SET by = 'fay' WHERE state = 'done'",
        "UPDATE proposal_steps SET by = 'fay' WHERE state = 'refused'",
        "UPDATE proposal_steps SET by = 'fay' WHERE state = 'approved'",
    ],
    "executed_proposals_are_audited": [
        "DELETE FROM audit_log WHERE command = 'campaign.fund'",
        "DELETE FROM audit_log WHERE command = 'proposal.create'",
        "UPDATE audit_log SET by = 'fred'",
        "UPDATE audit_log SET subject = 'campaign/other' WHERE command = 'campaign.fund'",
        "DELETE FROM proposal_steps WHERE state = 'done'",
        """INSERT INTO audit_log (at, by, role, entry_point, address, command, subject, proposal_id)
        SELECT at, by, role, entry_point, address, command, subject, proposal_id FROM audit_log""",
    ],
    "proposal_steps_follow_the_state_machine": [
        "DELETE FROM proposal_steps",
        "DELETE FROM proposal_steps WHERE number = 1",
        "DELETE FROM proposal_steps WHERE state = 'approved'",
        "UPDATE proposal_steps SET by = 'fred' WHERE number = 1",
        "UPDATE proposal_steps SET state = 'pending' WHERE state = 'done'",
        "UPDATE proposals SET hold_seconds = 86400 * 7 WHERE hold_seconds > 0",
        "UPDATE proposals SET hold_seconds = 60 WHERE hold_seconds = 0",
    ],
}
