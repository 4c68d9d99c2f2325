"""Commands about settlements: make, approve, cancel, send. The schedule uses the same functions."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from campaigns.catalogue.cache import Campaign
from campaigns.errors import NotFound
from campaigns.pledging import settle
from campaigns.reporting.settlements import rules
from ledger.errors import Raced, SettlementRefused
from ledger.payouts import sending
from ledger.payouts.channels import Channel
from ledger.settlements import approvals
from ledger.settlements.model import Envelope, envelopes
from ledger.settlements.payout_steps import State
from ledger.settlements.settle import Settled
from ops import payout_channels
from ops.admin.core.actor import Role
from ops.admin.core.command import Asked, Command, Desk, Done, Nothing, Then
from ops.admin.core.errors import Forbidden
from ops.admin.resources.campaigns import find
from ops.admin.resources.proposals import Approval
from ops.admin.resources.settlement_views import told
from ops.clock import utc_now
from ops.settings import Settings, SettingsRefused
from sql import Pool

FINANCE: frozenset[Role] = frozenset({"finance"})
PERIODS_MAX, ENVELOPES_MAX = 2_000, 100  # that one command looks at, and makes
MORE = "more"
_MORE = {MORE: "there may be more periods to settle: ask again"}


class Settling(Asked):
    """Which closed periods to settle."""

    upto: Annotated[
        date | None, Field(description="only until this period, named by the day on which it falls due")
    ] = None


class Sending(Asked):
    """How to send it."""

    channel: Annotated[
        Literal["manual", "pain001", "http"] | None, Field(description="left out: the one of the settings")
    ] = None


async def held(desk: Desk, settlement_id: str) -> tuple[Campaign, Envelope]:
    """Return a settlement and its campaign, as they stay until the transaction ends. NotFound: there is none."""
    found = await envelopes(desk.conn, settlement_id=settlement_id)
    if not found:
        raise NotFound(f"there is no settlement {settlement_id!r}")
    campaign = await find(desk, found[0].campaign)
    return campaign, await approvals.locked(desk.conn, settlement_id)


def changed(campaign: Campaign, before: Envelope, after: Envelope, then: Then | None = None) -> Done:
    """Return what became of a settlement."""
    own, subject = rules(campaign), f"settlement/{after.settlement_id}"
    return Done(subject, told(before, own), told(after, own), after.currency, then=then)


async def _make(desk: Desk, slug: str, asked: Settling) -> Done:
    """Oldest first; where there are more than one command settles, it says so, and the command again goes on."""
    campaign = await find(desk, slug)
    if asked.upto is not None:
        settle.must_be_period(campaign, asked.upto, desk.now)
    made: dict[str, Any] = {}
    for _ in range(PERIODS_MAX):
        settled = await settle.settle_next(desk.conn, campaign, desk.actor.name, desk.now, asked.upto or date.max)
        if settled is None:
            break
        if settled.total_minor or settled.payouts:
            made[settled.settlement_id] = _shown(settled)
        if len(made) == ENVELOPES_MAX:
            made |= _MORE
            break
    else:
        made |= _MORE
    return Done(f"campaign/{slug}", {}, made, campaign.promise.campaign.currency)


def _shown(settled: Settled) -> dict[str, Any]:
    return {
        "period": settled.period.isoformat(),
        "total_minor": settled.total_minor,
        "payouts": settled.payouts,
    }


async def _approve(desk: Desk, settlement_id: str, asked: Approval) -> Done:
    if desk.actor.is_operator:
        raise Forbidden("an approval is a person's, with a token of their own")
    campaign, before = await held(desk, settlement_id)
    digest = bytes.fromhex(asked.hash)
    return changed(
        campaign, before, await approvals.approve(desk.conn, settlement_id, digest, desk.actor.name, desk.now)
    )


async def _cancel(desk: Desk, settlement_id: str, _: Nothing) -> Done:
    campaign, before = await held(desk, settlement_id)
    after = await settle.cancel(desk.conn, campaign, settlement_id, desk.actor.name, desk.now)
    return changed(campaign, before, after)


async def _send(desk: Desk, settlement_id: str, asked: Sending) -> Done:
    """Claim what waits; after the commit counterparties are told, and asked about what was left unknown before."""
    campaign, before = await held(desk, settlement_id)
    own, by = rules(campaign), desk.actor.name
    states = {payout.state for payout in before.payouts}
    is_held_up = State.SENDING in states and before.missing_approvals(own)  # what was begun can go on all the same
    chosen = _channel(desk.settings, asked.channel)
    if State.WAITING in states and not is_held_up:
        await sending.begin(desk.conn, chosen, settlement_id, own, by, desk.now)
    after = await approvals.locked(desk.conn, settlement_id)
    open_by = {p.now.channel for p in after.payouts if p.state is State.SENDING and p.now.channel}
    told_by = [_channel(desk.settings, name) for name in sorted(open_by)]
    return changed(campaign, before, after, _going_on(told_by, settlement_id, by) if told_by else None)


def _channel(settings: Settings, name: str | None) -> Channel:
    try:
        return payout_channels.channel(settings, name)
    except SettingsRefused as refused:
        raise SettlementRefused(str(refused)) from None


def _going_on(told_by: Sequence[Channel], settlement_id: str, by: str) -> Then:
    async def then(pool: Pool) -> None:
        for channel in told_by:
            try:
                await sending.go_on(pool, channel, settlement_id, by, utc_now())
            except Raced:  # whoever took the lock since the commit finds what was claimed, and does this
                return

    return then


_PLACE = "/settlements/{settlement}"

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "settlement.make",
        "/campaigns/{slug}/settlements",
        "Settle a campaign's closed periods now, oldest first; again: settles nothing twice",
        FINANCE,
        Settling,
        _make,
        example={"upto": "2022-04-18"},
    ),
    Command(
        "settlement.approve",
        f"{_PLACE}/approve",
        "Approve what a settlement would send, by its hash; whoever made it cannot",
        FINANCE,
        Approval,
        _approve,
        example={"hash": "0" * 64},
    ),
    Command(
        "settlement.cancel",
        f"{_PLACE}/cancel",
        "Cancel a settlement of which nothing was sent; the next period takes its money",
        FINANCE,
        Nothing,
        _cancel,
    ),
    Command(
        "settlement.send",
        f"{_PLACE}/send",
        "Send what is approved, and find out about what may have been sent; again: sends nothing twice",
        FINANCE,
        Sending,
        _send,
        example={"channel": "manual"},
    ),
)
