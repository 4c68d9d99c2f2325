"""Settlements and payouts, replayed: what each envelope may take, and where each payout stands."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from ledger.log.money import Money
from ledger.log.reckoning import Reckoning
from ledger.log.shapes import Wrong

_FOLLOWING: Mapping[str, frozenset[str]] = {
    "": frozenset(("waiting",)),
    "waiting": frozenset(("sending", "cancelled")),
    "sending": frozenset(("sent", "waiting", "paid", "returned")),
    "sent": frozenset(("paid", "returned")),
    "paid": frozenset(("returned",)),
    "returned": frozenset(("waiting",)),
    "cancelled": frozenset(),
}
_MOVING = frozenset(("sending", "sent"))


class _Payout(NamedTuple):
    campaign: str
    settlement: str
    charity: str
    amount_minor: int
    state: str = ""


class Envelopes:
    """Every settlement and payout so far."""

    def __init__(self) -> None:
        self.settled: Counter[tuple[str, str]] = Counter()  # by campaign and charity, minor units
        self._campaigns: dict[str, str] = {}  # of each settlement
        self._periods: dict[str, str] = {}  # the newest of each campaign
        self._payouts: dict[str, _Payout] = {}
        self._live: Counter[tuple[str, str]] = Counter()  # in payouts that are not cancelled
        self._shares: dict[str, dict[str, int]] = {}  # of each settlement
        self._uncancelled: Counter[str] = Counter()  # payouts of each settlement

    def settlement(self, leaf: Mapping[str, Any], reckoning: Reckoning, money: Money, topped_up_minor: int) -> None:
        """Take a `settlement` leaf: what it takes must be due, and must have moved. Raises Wrong."""
        campaign, settlement = leaf["campaign"], leaf["settlement"]
        if settlement in self._campaigns:
            raise Wrong(f"the settlement {settlement} was told before")
        if leaf["period"] <= self._periods.get(campaign, ""):
            raise Wrong(f"the period {leaf['period']} does not come after {self._periods[campaign]}")
        self._campaigns[settlement], self._periods[campaign] = campaign, leaf["period"]
        shares = {share["charity"]: share["amount_minor"] for share in leaf["shares"]}
        if len(shares) != len(leaf["shares"]) or sum(shares.values()) != leaf["total_minor"]:
            raise Wrong(f"the shares make {sum(shares.values())} minor units, not {leaf['total_minor']}")
        self._refuse_undue(leaf, shares, reckoning, money.moved["fund", campaign, ""], topped_up_minor)
        self._shares[settlement] = shares
        for charity, minor in shares.items():
            self.settled[campaign, charity] += minor
            if self.settled[campaign, charity] != money.moved["settle", campaign, charity]:
                raise Wrong(
                    f"transfers settled {money.moved['settle', campaign, charity]} minor units for {charity}"
                    f" so far, settlements {self.settled[campaign, charity]}"
                )

    def _refuse_undue(
        self,
        leaf: Mapping[str, Any],
        shares: Mapping[str, int],
        reckoning: Reckoning,
        funded_minor: int,
        topped_up: int,
    ) -> None:
        """Each share is the charity's running total at the cut-off less what it had; a floor's rest may come too."""
        after = (date.fromisoformat(leaf["cut_off"]) + timedelta(days=1)).isoformat()
        for extra in {0, topped_up}:
            if self._fits(leaf["campaign"], shares, reckoning.shares(after, funded_minor, extra)):
                return
        due = reckoning.shares(after, funded_minor)
        raise Wrong(
            f"the days up to {leaf['cut_off']} make {_shown(due)} due in all, {_shown(self._of(leaf['campaign']))}"
            f" was settled before: the shares cannot be {_shown(shares)}"
        )

    def _fits(self, campaign: str, shares: Mapping[str, int], due: Mapping[str, int]) -> bool:
        """Tell whether the shares are what is missing; what one charity had too much, the others bear together."""
        before = self._of(campaign)
        missing = {c: due.get(c, 0) - before.get(c, 0) for c in due.keys() | before.keys() | shares.keys()}
        over = -sum(minor for minor in missing.values() if minor < 0)
        wanted = max(0, sum(minor for minor in missing.values() if minor > 0) - over)
        each = all(0 <= minor <= max(0, missing[charity]) for charity, minor in shares.items())
        exact = over > 0 or all(shares.get(charity, 0) == minor for charity, minor in missing.items())
        return each and exact and sum(shares.values()) == wanted

    def _of(self, campaign: str) -> dict[str, int]:
        return {charity: minor for (own, charity), minor in self.settled.items() if own == campaign}

    def payout(self, leaf: Mapping[str, Any]) -> None:
        """Take a `payout` leaf: the same amount all its life, one state after another. Raises Wrong."""
        told = _Payout(leaf["campaign"], leaf["settlement"], leaf["charity"], leaf["amount_minor"])
        before = self._payouts.get(leaf["payout"], told)
        if before._replace(state="") != told:
            raise Wrong(f"{leaf['payout']} was told before with another amount, charity or settlement")
        if self._campaigns.get(told.settlement) != told.campaign:
            raise Wrong(f"{leaf['payout']} is of {told.settlement}, which is no settlement of {told.campaign}")
        if leaf["state"] not in _FOLLOWING[before.state]:
            raise Wrong(f"{leaf['payout']} is {before.state or 'new'}: it cannot become {leaf['state']}")
        self._payouts[leaf["payout"]] = told._replace(state=leaf["state"])
        own = told.campaign, told.charity
        self._live[own] += {"": told.amount_minor, "waiting": 0}.get(before.state, 0)
        self._live[own] -= told.amount_minor if leaf["state"] == "cancelled" else 0
        self._uncancelled[told.settlement] += {"": 1}.get(before.state, 0) - (leaf["state"] == "cancelled")
        if not self._uncancelled[told.settlement]:
            self._take_back(told)
        if self._live[own] > self.settled[own]:
            raise Wrong(f"payouts to {told.charity} make {self._live[own]} minor units, settled {self.settled[own]}")

    def _take_back(self, told: _Payout) -> None:
        """The last payout of a settlement was cancelled, so all that it took goes back: the next one may take it."""
        for charity, minor in self._shares[told.settlement].items():
            self.settled[told.campaign, charity] -= minor

    def differences(self, money: Money) -> list[str]:
        """Return where the payouts' states and the money do not agree: none where all is told."""
        moving: Counter[tuple[str, str]] = Counter()
        paid: Counter[tuple[str, str]] = Counter()
        for payout in self._payouts.values():
            own = payout.campaign, payout.charity
            moving[own] += payout.amount_minor if payout.state in _MOVING else 0
            paid[own] += payout.amount_minor if payout.state == "paid" else 0
        kept = money.balances
        owners = {own[1:] for own, minor in kept.items() if own[0] in {"in_flight", "paid"} and minor}
        return [
            f"{campaign}, {charity}: payouts say {moving[campaign, charity]} minor units in flight and"
            f" {paid[campaign, charity]} paid, transfers {kept['in_flight', campaign, charity]} and"
            f" {kept['paid', campaign, charity]}"
            for campaign, charity in sorted(owners | moving.keys())
            if (moving[campaign, charity], paid[campaign, charity])
            != (kept["in_flight", campaign, charity], kept["paid", campaign, charity])
        ]


def _shown(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{charity} {minor}" for charity, minor in sorted(amounts.items())) or "nothing"
