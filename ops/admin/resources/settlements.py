"""Commands that make, approve, cancel and send settlements."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from campaigns.catalogue.cache import Campaign
from campaigns.errors import NotFound, printable
from campaigns.pledging import settle
from campaigns.reporting.settlements import approval_rules
from ledger.errors import ConcurrentUpdate, SettlementRefused
from ledger.payouts import sending
from ledger.payouts.channels import Channel
from ledger.settlements import approvals
from ledger.settlements.model import Settlement, list_settlements
from ledger.settlements.settle import SettlementResult
from ops import payout_channels
from ops.admin.core.actor import Role
from ops.admin.core.command import AfterCommit, Command, CommandBody, CommandContext, CommandResult, EmptyBody
from ops.admin.core.errors import Forbidden
from ops.admin.resources.campaigns import find_campaign
from ops.admin.resources.proposals import Approval
from ops.admin.resources.settlement_views import audit_view
from ops.clock import utc_now
from ops.settings import Settings, SettingsRefused
from sql import Pool

FINANCE: frozenset[Role] = frozenset({"finance"})
PERIODS_MAX, SETTLEMENTS_MAX = 2_000, 100  # per command: periods examined, settlements made
MORE = "more"  # true: there may be more periods to settle; repeat the command
_MORE_PERIODS = {MORE: True}


class SettleRequest(CommandBody):
    """The closed periods to settle."""

    upto: Annotated[date | None, Field(description="last period to settle, named by its due day")] = None


class SendRequest(CommandBody):
    """The channel to send payouts through."""

    channel: Annotated[
        Literal["manual", "pain001", "http"] | None, Field(description="by default the channel in the settings")
    ] = None


async def lock_with_campaign(context: CommandContext, settlement_id: str) -> tuple[Campaign, Settlement]:
    """Return a settlement and its campaign, locked until the transaction ends. Raises NotFound."""
    settlements = await list_settlements(context.conn, settlement_id=settlement_id)
    if not settlements:
        raise NotFound("settlement_not_found", settlement=printable(settlement_id))
    campaign = await find_campaign(context, settlements[0].campaign)
    return campaign, await approvals.lock_settlement(context.conn, settlement_id)


def settlement_change(
    campaign: Campaign, before: Settlement, after: Settlement, after_commit: AfterCommit | None = None
) -> CommandResult:
    """Return a settlement's change as the result of a command. Pure."""
    rules, subject = approval_rules(campaign), f"settlement/{after.settlement_id}"
    return CommandResult(
        subject, audit_view(before, rules), audit_view(after, rules), after.currency, after_commit=after_commit
    )


async def require_history(context: CommandContext) -> None:
    """Check that the database has every signed leaf. Raises SigningRefused if it has lost some."""
    if context.guard is not None:
        await context.guard.require_history(context.conn)


async def _judge_before(context: CommandContext, slug: str, body: SettleRequest) -> None:
    """Judge the likes of the days that the next settlement takes; their cases stay if it must wait."""
    campaign = await find_campaign(context, slug)
    now = await context.clock.read_now(context.conn)
    await settle.judge_next_period(context.conn, campaign, now, body.upto or date.max)


async def _settle_periods(context: CommandContext, slug: str, body: SettleRequest) -> CommandResult:
    """Settle oldest periods first; `more` says that repeating the command settles further ones."""
    await require_history(context)
    campaign = await find_campaign(context, slug)
    now = await context.clock.read_now(context.conn)
    if body.upto is not None:
        settle.require_closed_period(campaign, body.upto, now)
    made: dict[str, Any] = {}
    for _ in range(PERIODS_MAX):
        settled = await settle.settle_next_period(
            context.conn, campaign, context.actor.name, now, body.upto or date.max
        )
        if settled is None:
            break
        if settled.total_minor or settled.payout_count:
            made[settled.settlement_id] = _result_view(settled)
        if len(made) == SETTLEMENTS_MAX:
            made |= _MORE_PERIODS
            break
    else:
        made |= _MORE_PERIODS
    return CommandResult(f"campaign/{slug}", {}, made, campaign.promise.campaign.currency)


def _result_view(result: SettlementResult) -> dict[str, Any]:
    return {
        "period": result.period.isoformat(),
        "total_minor": result.total_minor,
        "payouts": result.payout_count,
    }


async def _approve(context: CommandContext, settlement_id: str, body: Approval) -> CommandResult:
    if context.actor.is_operator:
        raise Forbidden("approval_needs_personal_token")
    campaign, before = await lock_with_campaign(context, settlement_id)
    digest = bytes.fromhex(body.hash)
    return settlement_change(
        campaign,
        before,
        await approvals.approve(context.conn, settlement_id, digest, context.actor.name, context.now),
    )


async def _cancel(context: CommandContext, settlement_id: str, _: EmptyBody) -> CommandResult:
    campaign, before = await lock_with_campaign(context, settlement_id)
    after = await settle.cancel_campaign_settlement(
        context.conn, campaign, settlement_id, context.actor.name, context.now
    )
    return settlement_change(campaign, before, after)


async def _send(context: CommandContext, settlement_id: str, body: SendRequest) -> CommandResult:
    """Claim waiting payouts; after the commit send them, and resolve those that are unclear."""
    await require_history(context)
    campaign, before = await lock_with_campaign(context, settlement_id)
    rules, by = approval_rules(campaign), context.actor.name
    channel = _payout_channel(context.settings, body.channel)
    now = context.now.astimezone(campaign.calendar.timezone)
    after = await sending.claim_for_sending(context.conn, channel, settlement_id, rules, by, now)
    channels = [_payout_channel(context.settings, name) for name in sending.channels_in_use(after)]
    return settlement_change(
        campaign, before, after, _resume_after_commit(channels, settlement_id, by) if channels else None
    )


def _payout_channel(settings: Settings, name: str | None) -> Channel:
    try:
        return payout_channels.payout_channel(settings, name)
    except SettingsRefused as refused:
        raise SettlementRefused(
            "payout_channel_not_configured", channel=name or settings.payout_channel, detail=str(refused)
        ) from None


def _resume_after_commit(open_channels: Sequence[Channel], settlement_id: str, person: str) -> AfterCommit:
    async def resume(pool: Pool) -> None:
        for channel in open_channels:
            try:
                await sending.resume_sending(pool, channel, settlement_id, person, utc_now())
            except ConcurrentUpdate:  # the holder of the lock sees the claim and sends it
                return

    return resume


_PATH = "/settlements/{settlement}"

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "settlement.make",
        "/campaigns/{slug}/settlements",
        "Settle a campaign's closed periods, oldest first; a period is settled only once",
        FINANCE,
        SettleRequest,
        _settle_periods,
        prepare=_judge_before,
        example={"upto": "2022-04-18"},
    ),
    Command(
        "settlement.approve",
        f"{_PATH}/approve",
        "Approve a settlement by its hash; its maker cannot",
        FINANCE,
        Approval,
        _approve,
        example={"hash": "0" * 64},
    ),
    Command(
        "settlement.cancel",
        f"{_PATH}/cancel",
        "Cancel an unsent settlement; the next period includes its money",
        FINANCE,
        EmptyBody,
        _cancel,
    ),
    Command(
        "settlement.send",
        f"{_PATH}/send",
        "Send approved payouts and resolve unclear ones; repeating it sends nothing twice",
        FINANCE,
        SendRequest,
        _send,
        example={"channel": "manual"},
    ),
)
