"""Move money one account back: every correction names the transfer that it reverses, at most once.

A partial reversal takes the whole transfer back and posts the rest as a new transfer. So later
corrections always find a transfer that was not corrected yet.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ledger.accounting.journal import Account, Posting, TransferStep, post_transfer
from sql import Connection, query

_TRANSFERS_MAX = 100

_LIST_CORRECTABLE_TRANSFERS = query("list_correctable_transfers")


class Reversal(NamedTuple):
    """The amount to take back of one transfer."""

    position: int  # its index in the list of uncorrected transfers
    amount_minor: int


def plan_reversals(
    amount_minor: int, balance_minor: int, uncorrected_minor: Sequence[int]
) -> tuple[list[Reversal], int]:
    """Plan reversals of whole transfers, newest first, and the excess to post again.

    `uncorrected_minor` lists the amounts of transfers without a correction, newest first.
    `balance_minor` is the money still in the account; the plan never takes more. The
    reversals fall short of `amount_minor` if the listed transfers do. Pure.
    """
    wanted, taken, plan = min(amount_minor, balance_minor), 0, []
    for position, transfer_minor in enumerate(uncorrected_minor):
        if taken >= wanted:
            break
        part = min(transfer_minor, balance_minor - taken)
        plan.append(Reversal(position, part))
        taken += part
    return plan, max(0, taken - wanted)


async def reverse_amount(
    conn: Connection, step: TransferStep, source: Account, target: Account, amount_minor: int, reference: str
) -> int:
    """Take back up to `amount_minor` of a step from `source` to `target`; return the amount taken.

    Money that has left `target` is never taken. If `source` is `world`, which may go negative, the
    part of a transfer that has left `target` is first posted again, so the whole transfer can be
    reversed. Joins the caller's transaction, which must hold a lock that keeps other transactions
    from moving this money.
    """
    reversed_minor = 0
    while reversed_minor < amount_minor:
        step_minor = await _reverse_newest(conn, step, source, target, amount_minor - reversed_minor, reference)
        if not step_minor:
            break
        reversed_minor += step_minor
    return reversed_minor


async def _reverse_newest(
    conn: Connection, step: TransferStep, source: Account, target: Account, amount_minor: int, reference: str
) -> int:
    """Reverse the newest `_TRANSFERS_MAX` transfers: a long campaign has one for every tick."""
    rows = await conn.fetch(_LIST_CORRECTABLE_TRANSFERS, target.campaign, target.charity, target.kind, _TRANSFERS_MAX)
    balance_minor = rows[0]["balance_minor"] if rows else 0
    plan, excess_minor = plan_reversals(amount_minor, balance_minor, [row["amount_minor"] for row in rows])
    for position, part_minor in plan:
        corrected, whole_minor = rows[position]["transfer_id"], rows[position]["amount_minor"]
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
