"""Account balances replayed from `transfer` leaves: one step each, no balance below zero."""

from collections import Counter
from typing import NamedTuple
from uuid import UUID

from ledger.log.leaf_schemas import InvalidLeaf
from ledger.log.verify.seen_ids import TransferTable

_ACCOUNT_KINDS = {
    "fund": ("world", "budget"),
    "pledge": ("budget", "pledged"),
    "settle": ("pledged", "payable"),
    "send": ("payable", "in_flight"),
    "confirm": ("in_flight", "paid"),
}
_PER_CHARITY = frozenset(("payable", "in_flight", "paid"))
_ID_CHARS = 36


class _Owner(NamedTuple):
    step: str
    campaign: str
    charity: str


class Balances:
    """The balance of every account, and the total moved by step, campaign and charity."""

    def __init__(self) -> None:
        self.by_account: Counter[tuple[str, str, str]] = Counter()  # kind, campaign, charity
        # By step, campaign, charity ('' for all of them): with and without corrections.
        self.net_moved_minor: Counter[tuple[str, str, str]] = Counter()
        self.forward_moved_minor: Counter[tuple[str, str, str]] = Counter()
        self._transfers = TransferTable()
        self._owners: dict[_Owner, int] = {}

    def add_transfer(self, leaf: dict[str, str | int | None]) -> None:
        """Apply a `transfer` leaf.

        Raises InvalidLeaf if it is a duplicate, corrects wrongly or overdraws an account.
        """
        owner = _Owner(str(leaf["step"]), str(leaf["campaign"]), str(leaf["charity"]))
        needs_charity = _ACCOUNT_KINDS[owner.step][1] in _PER_CHARITY
        if bool(owner.charity) is not needs_charity:
            raise InvalidLeaf(f"a {owner.step} transfer {'must' if needs_charity else 'cannot'} name a charity")
        amount_minor = int(leaf["amount_minor"] or 0)
        number = self._owners.setdefault(owner, len(self._owners))
        if not self._transfers.add(_parse_id(str(leaf["transfer"])), amount_minor, number):
            raise InvalidLeaf(f"transfer {leaf['transfer']} was logged before")
        if leaf["corrects"] is not None:
            self._mark_corrected(str(leaf["corrects"]), amount_minor, number)
            amount_minor = -amount_minor
        self._move_money(owner, amount_minor)

    def _mark_corrected(self, corrected_id: str, amount_minor: int, owner: int) -> None:
        corrected = self._transfers.find(_parse_id(corrected_id))
        if corrected is None or corrected.owner != owner:
            raise InvalidLeaf(
                f"it corrects {corrected_id}, not an earlier transfer of the same step, campaign and charity"
            )
        if corrected.is_corrected:
            raise InvalidLeaf(f"it corrects {corrected_id}, which was corrected before")
        if amount_minor > corrected.amount_minor:
            raise InvalidLeaf(f"it reverses {amount_minor} of a transfer of {corrected.amount_minor} minor units")
        self._transfers.mark_corrected(corrected)

    def _move_money(self, owner: _Owner, amount_minor: int) -> None:
        """Move an amount one step forward; a negative amount moves back."""
        for kind, change in zip(_ACCOUNT_KINDS[owner.step], (-amount_minor, amount_minor), strict=True):
            account = kind, owner.campaign, owner.charity if kind in _PER_CHARITY else ""
            self.by_account[account] += change
            if self.by_account[account] < 0 and kind != "world":
                raise InvalidLeaf(
                    f"the balance of {' '.join(filter(None, account))} would be {self.by_account[account]}"
                )
        for charity in {owner.charity, ""}:
            self.forward_moved_minor[owner.step, owner.campaign, charity] += max(0, amount_minor)
            self.net_moved_minor[owner.step, owner.campaign, charity] += amount_minor


def _parse_id(text: str) -> bytes:
    try:
        transfer_id = UUID(text)
    except ValueError:
        raise InvalidLeaf(f"{text!r} is not a transfer id") from None
    if str(transfer_id) != text:
        raise InvalidLeaf(f"{text!r} is not a transfer id in canonical form")
    return transfer_id.bytes
