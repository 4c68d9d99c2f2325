"""Commands about payouts: try one again that came back, enter what a person knows of one that is being sent."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from campaigns.errors import FieldError, NotFound, ValidationFailed
from campaigns.pledging.settle import payees
from campaigns.promise.model import SingleLine
from ledger.payouts import manual
from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult, EmptyBody
from ops.admin.resources.settlements import FINANCE, lock_with_campaign, settlement_change
from sql import query

_FIND_SETTLEMENT_OF_PAYOUT = query("find_settlement_of_payout")


def _required_property(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"type": "string"}}}


class ManualResult(CommandBody):
    """What a person knows: the bank's own reference, or why it was refused."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [_required_property("bank_reference"), _required_property("refused")]}
    )

    bank_reference: Annotated[SingleLine | None, Field(max_length=140, description="it was sent")] = None
    refusal_reason: Annotated[
        SingleLine | None, Field(description="it was not sent, and why; the money comes back")
    ] = None
    evidence: Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bank's file that shows it")
    ] = None


async def find_settlement_id(context: CommandContext, payout_id: str) -> str:
    """Return the id of a payout's settlement. NotFound: there is no such payout."""
    found = await context.conn.fetchval(_FIND_SETTLEMENT_OF_PAYOUT, payout_id)
    if found is None:
        raise NotFound(f"there is no payout {payout_id!r}")
    return str(found)


async def _retry(context: CommandContext, payout_id: str, _: EmptyBody) -> CommandResult:
    campaign, before = await lock_with_campaign(context, await find_settlement_id(context, payout_id))
    charity = next(p.charity for p in before.payouts if p.payout_id == payout_id)
    payee = (await payees(context.conn, campaign))[charity]
    return settlement_change(
        campaign, before, await manual.retry_returned(context.conn, payout_id, payee, context.actor.name, context.now)
    )


async def _record_result(context: CommandContext, payout_id: str, body: ManualResult) -> CommandResult:
    if (body.bank_reference is None) == (body.refusal_reason is None):
        raise ValidationFailed([FieldError("bank_reference", "give either this or `refused`")])
    campaign, before = await lock_with_campaign(context, await find_settlement_id(context, payout_id))
    outcome = PaymentOutcome.ACCEPTED if body.bank_reference else PaymentOutcome.REFUSED
    said = PaymentResult(outcome, body.bank_reference, body.refusal_reason)
    evidence = bytes.fromhex(body.evidence) if body.evidence else None
    after = await manual.record_result_manually(
        context.conn, payout_id, said, context.actor.name, context.now, evidence
    )
    return settlement_change(campaign, before, after)


COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "payout.again",
        "/payouts/{payout}/again",
        "Let a payout that came back be tried again, to the account that the charity has now; approved anew",
        FINANCE,
        EmptyBody,
        _retry,
    ),
    Command(
        "payout.answer",
        "/payouts/{payout}/answer",
        "Enter what you know of a payout that is being sent",
        FINANCE,
        ManualResult,
        _record_result,
        example={"bank_reference": "BANK-20220418-7", "evidence": "0" * 64},
    ),
)
