"""Money one step left: a correction names the transfer that it corrects, and each is corrected at most once.

To take back a part of a transfer, the whole of it goes back and what was too much is posted anew: so there is
always a transfer left that the next correction can name.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ledger.accounting.journal import Account, Posting, TransferStep, post_transfer
from sql import Connection, query

_TRANSFERS_MAX = 100

_LIST_CORRECTABLE_TRANSFERS = query("list_correctable_transfers")


class Reversal(NamedTuple):
    """Take back so much of one transfer."""

    position: int  # its place in the list given
    amount_minor: int


def plan_reversals(
    amount_minor: int, balance_minor: int, uncorrected_minor: Sequence[int]
) -> tuple[list[Reversal], int]:
    """Plan how `amount_minor` goes one step left: whole transfers back, newest first, and the excess posted anew.

    A transfer may be corrected once only, so the excess of the last one becomes a new transfer that later
    corrections can name. `uncorrected_minor` lists the transfers not corrected yet, newest first; what has moved
    on (`balance_minor` is what is still there) is never taken. Returns the corrections and the amount to post again;
    the corrections add up to less than was asked for if the transfers listed do.
    """
    wanted, taken, plan = min(amount_minor, balance_minor), 0, []
    for place, held_minor in enumerate(uncorrected_minor):
        if taken >= wanted:
            break
        part = min(held_minor, balance_minor - taken)
        plan.append(Reversal(place, part))
        taken += part
    return plan, max(0, taken - wanted)


async def reverse_amount(
    conn: Connection, step: TransferStep, source: Account, target: Account, amount_minor: int, reference: str
) -> int:
    """Correct the newest transfers of `step` from `source` to `target` until `amount_minor` went back.

    What has moved on from `target` already is not taken. Where `source` is `world`, which may lend, so much is posted
    anew ahead, and the whole transfer goes back: whatever comes back to `target` later finds one that it can name.
    Joins the caller's transaction, which must hold a lock that keeps others from moving this money. Returns what went
    back, in minor units.
    """
    back_minor = 0
    while back_minor < amount_minor:
        some_minor = await _reverse_newest(conn, step, source, target, amount_minor - back_minor, reference)
        if not some_minor:
            break
        back_minor += some_minor
    return back_minor


async def _reverse_newest(
    conn: Connection, step: TransferStep, source: Account, target: Account, amount_minor: int, reference: str
) -> int:
    """Do so with the newest `_TRANSFERS_MAX` transfers: a long campaign has a transfer for every tick."""
    rows = await conn.fetch(_LIST_CORRECTABLE_TRANSFERS, target.campaign, target.charity, target.kind, _TRANSFERS_MAX)
    balance_minor = rows[0]["balance_minor"] if rows else 0
    plan, excess_minor = plan_reversals(amount_minor, balance_minor, [row["amount_minor"] for row in rows])
    for place, part_minor in plan:
        corrected, whole_minor = rows[place]["transfer_id"], rows[place]["amount_minor"]
        ahead_minor = whole_minor - part_minor if source.kind == "world" else 0
        if ahead_minor:
            await post_transfer(
                conn, Posting(f"post-ahead/{corrected}", step, source, target, ahead_minor, reference)
            )
        back_minor = part_minor + ahead_minor
        await post_transfer(
            conn, Posting(f"correct/{corrected}", step, target, source, back_minor, reference, corrected)
        )
    if excess_minor:
        key = f"post-again/{rows[plan[-1].position]['transfer_id']}"
        await post_transfer(conn, Posting(key, step, source, target, excess_minor, reference))
    return sum(part.amount_minor for part in plan) - excess_minor
