"""Commands of reviewers: release or void the likes of a case, or note something about it."""

from typing import Annotated, Any

from pydantic import Field

from campaigns.catalogue import cache
from campaigns.review import decisions
from campaigns.review.cases import Case
from campaigns.review.decision_plan import Decision
from campaigns.review.decisions import DecidedCase, Reviewer
from ledger.money import to_money
from ops.admin.core.actor import Role
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandHandler, CommandResult, ReasonText

REVIEWERS: frozenset[Role] = frozenset({"reviewer"})
_PATH = "/review/cases/{case}"


class CaseDecision(CommandBody):
    """The reason of a decision, and the case that it is about."""

    reason: Annotated[ReasonText, Field(description="kept with the case; the public does not see it")]
    hash: Annotated[
        str | None,
        Field(
            pattern=r"^[0-9a-f]{64}$",
            description="the case's hash as you saw it: refused if the case changed since. Needed to decide a decided"
            " case otherwise",
        ),
    ] = None


class CaseNote(CommandBody):
    """A note about a case."""

    note: Annotated[ReasonText, Field(description="kept with the case; the public does not see it")]


def _decide_handler(decision: Decision) -> CommandHandler[CaseDecision]:
    async def decide(context: CommandContext, case_id: str, body: CaseDecision) -> CommandResult:
        case = await _lock_case(context, case_id)
        actor = context.actor
        reviewer = Reviewer(actor.name, context.approver, is_operator=actor.is_operator)
        decided = await decisions.decide_case(
            context.conn, case, decision, reviewer, reason=body.reason, known_hash=body.hash, now=context.now
        )
        return _decision_result(decided, body.reason)

    return decide


async def _lock_case(context: CommandContext, case_id: str) -> Case:
    await cache.lock_shared(context.conn)
    campaigns = await cache.read_campaigns(context.conn, context.keys.pseudonym)
    return await decisions.lock_case(context.conn, campaigns, case_id)


def _decision_result(decided: DecidedCase, reason: str) -> CommandResult:
    """Return a decision as the result of a command. Pure.

    What is approved is the case, its likes and the outcome. Money is shown, not approved: it moves
    with each like that arrives meanwhile.
    """
    case, money, currency = decided.before, decided.money, decided.before.currency
    before = {"outcome": case.outcome, "likes": dict(decided.verdicts_before), "hash": decided.hash_before.hex()}
    after = {
        "outcome": decided.after.outcome,
        "likes": dict(decided.verdicts_after),
        "hash": decided.hash_after.hex(),
        "reason": reason,
    }
    details = {
        "likes": decided.likes,
        "counts": dict(decided.moved),
        "due_before": to_money(money.due_minor, currency),
        "due_after": to_money(decided.due_after_minor, currency),
        "money_moved": to_money(decided.due_after_minor - money.due_minor, currency),
        "money_at_stake": to_money(money.at_stake_minor, currency),
    }
    return CommandResult(
        f"case/{case.case_id}", before, after, currency, approval_reason=decided.approval_reason, details=details
    )


async def _add_note(context: CommandContext, case_id: str, body: CaseNote) -> CommandResult:
    case = await _lock_case(context, case_id)
    await decisions.add_note(context.conn, case, context.actor.name, body.note, context.now)
    return CommandResult(f"case/{case.case_id}", {"note": None}, {"note": body.note})


COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "case.release",
        f"{_PATH}/release",
        "Release the likes of a case: they count by their own day's terms",
        REVIEWERS,
        CaseDecision,
        _decide_handler(Decision.RELEASE),
        approvers=REVIEWERS,
        example={"reason": "a school class on one tablet"},
    ),
    Command(
        "case.void",
        f"{_PATH}/void",
        "Void the likes of a case: they are fake and count nothing",
        REVIEWERS,
        CaseDecision,
        _decide_handler(Decision.VOID),
        approvers=REVIEWERS,
        example={"reason": "sixty accounts on one phone"},
    ),
    Command(
        "case.note",
        f"{_PATH}/note",
        "Add a note to a case; it decides nothing",
        REVIEWERS,
        CaseNote,
        _add_note,
        example={"note": "asked the platform about this device"},
    ),
)
