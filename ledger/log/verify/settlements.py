"""Settlements and payouts, replayed: what each envelope may take, and where each payout stands."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from ledger.log.leaf_schemas import InvalidLeaf
from ledger.log.verify.arithmetic import CampaignEarnings
from ledger.log.verify.balances import Balances

_ALLOWED_TRANSITIONS: Mapping[str, frozenset[str]] = {
    "": frozenset(("waiting",)),
    "waiting": frozenset(("sending", "cancelled")),
    "sending": frozenset(("sent", "paid", "returned")),
    "sent": frozenset(("paid", "returned")),
    "paid": frozenset(("returned",)),
    "returned": frozenset(("waiting",)),
    "cancelled": frozenset(),
}
_IN_FLIGHT_STATES = frozenset(("sending", "sent"))


class _Payout(NamedTuple):
    campaign: str
    settlement: str
    charity: str
    amount_minor: int
    state: str = ""


class Settlements:
    """Every settlement and payout so far."""

    def __init__(self) -> None:
        self._settled_minor: Counter[tuple[str, str]] = (
            Counter()
        )  # by campaign and charity, cancelled or not, minor units
        self._campaigns: dict[str, str] = {}  # of each settlement
        self._periods: dict[str, str] = {}  # the newest of each campaign
        self._payouts: dict[str, _Payout] = {}
        self._uncancelled_minor: Counter[tuple[str, str]] = Counter()  # in payouts that are not cancelled

    def add_settlement(
        self, leaf: Mapping[str, Any], earnings: CampaignEarnings, balances: Balances, topped_up_minor: int
    ) -> None:
        """Take a `settlement` leaf: what it takes must be due, and must have moved. Raises Wrong."""
        campaign, settlement = leaf["campaign"], leaf["settlement"]
        if settlement in self._campaigns:
            raise InvalidLeaf(f"the settlement {settlement} was told before")
        if leaf["period"] <= self._periods.get(campaign, ""):
            raise InvalidLeaf(f"the period {leaf['period']} does not come after {self._periods[campaign]}")
        self._campaigns[settlement], self._periods[campaign] = campaign, leaf["period"]
        shares = {share["charity"]: share["amount_minor"] for share in leaf["shares"]}
        if len(shares) != len(leaf["shares"]) or sum(shares.values()) != leaf["total_minor"]:
            raise InvalidLeaf(f"the shares make {sum(shares.values())} minor units, not {leaf['total_minor']}")
        for charity, minor in shares.items():
            self._settled_minor[campaign, charity] += minor
            moved_minor = balances.forward_moved_minor["settle", campaign, charity]
            if self._settled_minor[campaign, charity] != moved_minor:
                raise InvalidLeaf(
                    f"transfers settled {moved_minor} minor units for {charity} so far, settlements"
                    f" {self._settled_minor[campaign, charity]}"
                )
        _require_shares_due(leaf, shares, earnings, balances, topped_up_minor)

    def add_payout(self, leaf: Mapping[str, Any], balances: Balances) -> None:
        """Take a `payout` leaf: the same amount all its life, one state after another. Raises Wrong."""
        told = _Payout(leaf["campaign"], leaf["settlement"], leaf["charity"], leaf["amount_minor"])
        before = self._payouts.get(leaf["payout"], told)
        if before._replace(state="") != told:
            raise InvalidLeaf(f"{leaf['payout']} was told before with another amount, charity or settlement")
        if self._campaigns.get(told.settlement) != told.campaign:
            raise InvalidLeaf(f"{leaf['payout']} is of {told.settlement}, which is no settlement of {told.campaign}")
        if leaf["state"] not in _ALLOWED_TRANSITIONS[before.state]:
            raise InvalidLeaf(f"{leaf['payout']} is {before.state or 'new'}: it cannot become {leaf['state']}")
        self._payouts[leaf["payout"]] = told._replace(state=leaf["state"])
        own = told.campaign, told.charity
        self._uncancelled_minor[own] += {"": told.amount_minor, "waiting": 0}.get(before.state, 0)
        self._uncancelled_minor[own] -= told.amount_minor if leaf["state"] == "cancelled" else 0
        settled_minor = balances.net_moved_minor["settle", told.campaign, told.charity]
        if self._uncancelled_minor[own] > settled_minor:
            raise InvalidLeaf(
                f"payouts to {told.charity} make {self._uncancelled_minor[own]} minor units, settled {settled_minor}"
            )

    def find_differences(self, balances: Balances) -> list[str]:
        """Return where the payouts' states and the money do not agree: none where all is told."""
        moving: Counter[tuple[str, str]] = Counter()
        paid: Counter[tuple[str, str]] = Counter()
        for payout in self._payouts.values():
            own = payout.campaign, payout.charity
            moving[own] += payout.amount_minor if payout.state in _IN_FLIGHT_STATES else 0
            paid[own] += payout.amount_minor if payout.state == "paid" else 0
        kept = balances.by_account
        owners = {own[1:] for own, minor in kept.items() if own[0] in {"in_flight", "paid"} and minor}
        return [
            f"{campaign}, {charity}: payouts say {moving[campaign, charity]} minor units in flight and"
            f" {paid[campaign, charity]} paid, transfers {kept['in_flight', campaign, charity]} and"
            f" {kept['paid', campaign, charity]}"
            for campaign, charity in sorted(owners | moving.keys())
            if (moving[campaign, charity], paid[campaign, charity])
            != (kept["in_flight", campaign, charity], kept["paid", campaign, charity])
        ]


def _require_shares_due(
    leaf: Mapping[str, Any],
    shares: Mapping[str, int],
    earnings: CampaignEarnings,
    balances: Balances,
    topped_up_minor: int,
) -> None:
    """Each share is the charity's running total at the cut-off less what it had; a floor's rest may come too."""
    campaign = leaf["campaign"]
    after = (date.fromisoformat(leaf["cut_off"]) + timedelta(days=1)).isoformat()
    had = {
        charity: minor - shares.get(charity, 0)
        for (step, own, charity), minor in balances.net_moved_minor.items()
        if (step, own) == ("settle", campaign) and charity
    }
    funded_minor = balances.net_moved_minor["fund", campaign, ""]
    if not any(
        _shares_match(shares, had, earnings.shares_due(after, funded_minor, more)) for more in {0, topped_up_minor}
    ):
        due = earnings.shares_due(after, funded_minor)
        raise InvalidLeaf(
            f"the days up to {leaf['cut_off']} make {_format_amounts(due)} due in all, {_format_amounts(had)}"
            f" was settled before: the shares cannot be {_format_amounts(shares)}"
        )


def _shares_match(shares: Mapping[str, int], settled_minor: Mapping[str, int], due: Mapping[str, int]) -> bool:
    wanted = amounts_to_settle(settled_minor, due)
    return all(shares.get(charity, 0) == wanted.get(charity, 0) for charity in shares.keys() | wanted.keys())


def amounts_to_settle(settled_minor: Mapping[str, int], due: Mapping[str, int]) -> dict[str, int]:
    """Return what each charity is to get: what is due to it less what it had, in minor units.

    What others had too much is borne in equal parts, by nobody beyond what they would get: who would get least bears
    first, of equals who is named first, and what does not divide falls to those behind.
    """
    over = sum(max(0, minor - due.get(charity, 0)) for charity, minor in settled_minor.items())
    wanted = {
        charity: minor - settled_minor.get(charity, 0)
        for charity, minor in due.items()
        if minor > settled_minor.get(charity, 0)
    }
    bearers = sorted(wanted, key=lambda charity: wanted[charity])
    for bearing, charity in zip(range(len(bearers), 0, -1), bearers, strict=True):
        part = min(wanted[charity], over // bearing)
        wanted[charity] -= part
        over -= part
    return wanted


def _format_amounts(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{charity} {minor}" for charity, minor in sorted(amounts.items())) or "nothing"
