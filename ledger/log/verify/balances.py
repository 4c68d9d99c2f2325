"""The line that money moves along, replayed from `transfer` leaves: each one step, none below zero."""

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
    """Every account's balance, and what each step has moved in all, by campaign and charity."""

    def __init__(self) -> None:
        self.by_account: Counter[tuple[str, str, str]] = Counter()  # kind, campaign, charity
        self.net_moved_minor: Counter[tuple[str, str, str]] = (
            Counter()
        )  # step, campaign, charity or '' for all of them
        self.forward_moved_minor: Counter[tuple[str, str, str]] = Counter()  # the same without corrections
        self._transfers = TransferTable()
        self._owners: dict[_Owner, int] = {}

    def add_transfer(self, leaf: dict[str, str | int | None]) -> None:
        """Take a `transfer` leaf. Raises Wrong."""
        owner = _Owner(str(leaf["step"]), str(leaf["campaign"]), str(leaf["charity"]))
        if bool(owner.charity) is not (_ACCOUNT_KINDS[owner.step][1] in _PER_CHARITY):
            raise InvalidLeaf(f"{owner.step} names a charity where it moves none's money, or none where it does")
        amount_minor = int(leaf["amount_minor"] or 0)
        number = self._owners.setdefault(owner, len(self._owners))
        if not self._transfers.add(_parse_id(str(leaf["transfer"])), amount_minor, number):
            raise InvalidLeaf(f"the transfer {leaf['transfer']} was told before")
        if leaf["corrects"] is not None:
            self._mark_corrected(str(leaf["corrects"]), amount_minor, number)
            amount_minor = -amount_minor
        self._move_money(owner, amount_minor)

    def _mark_corrected(self, corrected_id: str, amount_minor: int, owner: int) -> None:
        known = self._transfers.find(_parse_id(corrected_id))
        if known is None or known.owner != owner:
            raise InvalidLeaf(
                f"it corrects {corrected_id}, which is no earlier transfer of the same step and campaign"
            )
        if known.is_corrected:
            raise InvalidLeaf(f"it corrects {corrected_id}, which was corrected before")
        if amount_minor > known.amount_minor:
            raise InvalidLeaf(f"it takes back {amount_minor} of a transfer of {known.amount_minor}")
        self._transfers.mark_corrected(known)

    def _move_money(self, owner: _Owner, amount_minor: int) -> None:
        """Move an amount one step right, or left where it is negative."""
        for kind, change in zip(_ACCOUNT_KINDS[owner.step], (-amount_minor, amount_minor), strict=True):
            account = kind, owner.campaign, owner.charity if kind in _PER_CHARITY else ""
            self.by_account[account] += change
            if self.by_account[account] < 0 and kind != "world":
                raise InvalidLeaf(
                    f"{' '.join(filter(None, account))} would hold {self.by_account[account]} minor units"
                )
        for charity in {owner.charity, ""}:
            self.forward_moved_minor[owner.step, owner.campaign, charity] += max(0, amount_minor)
            self.net_moved_minor[owner.step, owner.campaign, charity] += amount_minor


def _parse_id(text: str) -> bytes:
    try:
        known = UUID(text)
    except ValueError:
        raise InvalidLeaf(f"{text!r} is no transfer's id") from None
    if str(known) != text:
        raise InvalidLeaf(f"{text!r} is no transfer's id as it is written")
    return known.bytes
