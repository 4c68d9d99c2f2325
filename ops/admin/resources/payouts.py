"""Commands that retry a returned payout and record the result of one that is being sent."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from campaigns.errors import FieldError, NotFound, ValidationFailed, printable
from campaigns.pledging.settle import payees
from campaigns.promise.model import SingleLine
from ledger.payouts import manual, retry
from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult, EmptyBody
from ops.admin.resources.settlements import FINANCE, lock_with_campaign, settlement_change
from sql import query

_FIND_SETTLEMENT_OF_PAYOUT = query("find_settlement_of_payout")


def _required_property(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"type": "string"}}}


class ManualResult(CommandBody):
    """The result of a payout: the bank's reference, or why the bank refused it."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [_required_property("bank_reference"), _required_property("refusal_reason")]}
    )

    bank_reference: Annotated[SingleLine | None, Field(max_length=140, description="the payout was sent")] = None
    refusal_reason: Annotated[SingleLine | None, Field(description="why it was not sent; the money comes back")] = (
        None
    )
    evidence: Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bank's file as evidence")
    ] = None


async def find_settlement_id(context: CommandContext, payout_id: str) -> str:
    """Return the id of a payout's settlement. Raises NotFound."""
    settlement_id = await context.conn.fetchval(_FIND_SETTLEMENT_OF_PAYOUT, payout_id)
    if settlement_id is None:
        raise NotFound("payout_not_found", payout=printable(payout_id))
    return str(settlement_id)


async def _retry(context: CommandContext, payout_id: str, _: EmptyBody) -> CommandResult:
    campaign, before = await lock_with_campaign(context, await find_settlement_id(context, payout_id))
    charity = next(p.charity for p in before.payouts if p.payout_id == payout_id)
    payee = (await payees(context.conn, campaign))[charity]
    return settlement_change(
        campaign, before, await retry.retry_returned(context.conn, payout_id, payee, context.actor.name, context.now)
    )


async def _record_result(context: CommandContext, payout_id: str, body: ManualResult) -> CommandResult:
    if (body.bank_reference is None) == (body.refusal_reason is None):
        raise ValidationFailed([FieldError("bank_reference", "payout_result_ambiguous")])
    campaign, before = await lock_with_campaign(context, await find_settlement_id(context, payout_id))
    outcome = PaymentOutcome.ACCEPTED if body.bank_reference else PaymentOutcome.REFUSED
    result = PaymentResult(outcome, body.bank_reference, body.refusal_reason)
    evidence = bytes.fromhex(body.evidence) if body.evidence else None
    after = await manual.record_result_manually(
        context.conn, payout_id, result, context.actor.name, context.now, evidence
    )
    return settlement_change(campaign, before, after)


COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "payout.retry",
        "/payouts/{payout}/retry",
        "Retry a returned payout, to the charity's current account; it needs approval again",
        FINANCE,
        EmptyBody,
        _retry,
    ),
    Command(
        "payout.record-result",
        "/payouts/{payout}/record-result",
        "Record the bank's result of a payout that is being sent",
        FINANCE,
        ManualResult,
        _record_result,
        example={"bank_reference": "BANK-20220418-7", "evidence": "0" * 64},
    ),
)
