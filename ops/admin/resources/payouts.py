"""Commands about payouts: try one again that came back, enter what a person knows of one that is being sent."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from campaigns.errors import Fault, Faulty, NotFound
from campaigns.pledging.settle import payees
from campaigns.promise.model import Line
from ledger.payouts import manual
from ledger.payouts.channels import Answer, Outcome
from ops.admin.core.command import Asked, Command, Desk, Done, Nothing
from ops.admin.resources.settlements import FINANCE, changed, held
from sql import query

_FIND_SETTLEMENT_OF_PAYOUT = query("find_settlement_of_payout")


def _given(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"type": "string"}}}


class Known(Asked):
    """What a person knows: the bank's own reference, or why it was refused."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_given("bank_reference"), _given("refused")]})

    bank_reference: Annotated[Line | None, Field(max_length=140, description="it was sent")] = None
    refused: Annotated[Line | None, Field(description="it was not sent, and why; the money comes back")] = None
    evidence: Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bank's file that shows it")
    ] = None


async def settlement_of(desk: Desk, payout_id: str) -> str:
    """Return the id of a payout's settlement. NotFound: there is no such payout."""
    found = await desk.conn.fetchval(_FIND_SETTLEMENT_OF_PAYOUT, payout_id)
    if found is None:
        raise NotFound(f"there is no payout {payout_id!r}")
    return str(found)


async def _again(desk: Desk, payout_id: str, _: Nothing) -> Done:
    campaign, before = await held(desk, await settlement_of(desk, payout_id))
    charity = next(p.charity for p in before.payouts if p.payout_id == payout_id)
    payee = (await payees(desk.conn, campaign))[charity]
    return changed(campaign, before, await manual.again(desk.conn, payout_id, payee, desk.actor.name, desk.now))


async def _answer(desk: Desk, payout_id: str, asked: Known) -> Done:
    if (asked.bank_reference is None) == (asked.refused is None):
        raise Faulty([Fault("bank_reference", "give either this or `refused`")])
    campaign, before = await held(desk, await settlement_of(desk, payout_id))
    outcome = Outcome.ACCEPTED if asked.bank_reference else Outcome.REFUSED
    said = Answer(outcome, asked.bank_reference, asked.refused)
    evidence = bytes.fromhex(asked.evidence) if asked.evidence else None
    after = await manual.answer_by_hand(desk.conn, payout_id, said, desk.actor.name, desk.now, evidence)
    return changed(campaign, before, after)


COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "payout.again",
        "/payouts/{payout}/again",
        "Let a payout that came back be tried again, to the account that the charity has now; approved anew",
        FINANCE,
        Nothing,
        _again,
    ),
    Command(
        "payout.answer",
        "/payouts/{payout}/answer",
        "Enter what you know of a payout that is being sent",
        FINANCE,
        Known,
        _answer,
        example={"bank_reference": "BANK-20220418-7", "evidence": "0" * 64},
    ),
)
