"""Settlements and payouts replayed: the shares each may take, and each payout's state."""

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
_STATE_MEMBERS = {"reason": "returned", "paid_on": "paid"}  # since version 2 of `payout`
_IN_FLIGHT_STATES = frozenset(("sending", "sent"))


class _Payout(NamedTuple):
    campaign: str
    settlement: str
    charity: str
    amount_minor: int
    state: str = ""


class Settlements:
    """All settlements and payouts so far."""

    def __init__(self) -> None:
        # By campaign and charity, including cancelled settlements.
        self._settled_minor: Counter[tuple[str, str]] = Counter()
        self._uncancelled_minor: Counter[tuple[str, str]] = Counter()  # payouts that are not cancelled
        self._campaigns: dict[str, str] = {}  # by settlement
        self._periods: dict[str, str] = {}  # the newest by campaign
        self._payouts: dict[str, _Payout] = {}

    def add_settlement(
        self, leaf: Mapping[str, Any], earnings: CampaignEarnings, balances: Balances, topped_up_minor: int
    ) -> None:
        """Apply a `settlement` leaf.

        Raises InvalidLeaf unless its shares are due and transfers have settled them.
        """
        campaign, settlement = leaf["campaign"], leaf["settlement"]
        if settlement in self._campaigns:
            raise InvalidLeaf(f"settlement {settlement} was logged before")
        if leaf["period"] <= self._periods.get(campaign, ""):
            raise InvalidLeaf(f"period {leaf['period']} is not after {self._periods[campaign]}")
        self._campaigns[settlement], self._periods[campaign] = campaign, leaf["period"]
        shares = {share["charity"]: share["amount_minor"] for share in leaf["shares"]}
        if len(shares) != len(leaf["shares"]) or sum(shares.values()) != leaf["total_minor"]:
            raise InvalidLeaf(f"the shares add up to {sum(shares.values())} minor units, not {leaf['total_minor']}")
        for charity, minor in shares.items():
            self._settled_minor[campaign, charity] += minor
            moved_minor = balances.forward_moved_minor["settle", campaign, charity]
            if self._settled_minor[campaign, charity] != moved_minor:
                raise InvalidLeaf(
                    f"transfers settled {moved_minor} minor units for {charity} so far, settlement leaves"
                    f" {self._settled_minor[campaign, charity]}"
                )
        _require_shares_due(leaf, shares, earnings, balances, topped_up_minor)

    def add_payout(self, leaf: Mapping[str, Any], balances: Balances) -> None:
        """Apply a `payout` leaf.

        Raises InvalidLeaf if its amount changed or its state cannot follow the last one.
        """
        payout = _Payout(leaf["campaign"], leaf["settlement"], leaf["charity"], leaf["amount_minor"])
        previous = self._payouts.get(leaf["payout"], payout)
        if previous._replace(state="") != payout:
            raise InvalidLeaf(f"{leaf['payout']} was logged before with another amount, charity or settlement")
        if self._campaigns.get(payout.settlement) != payout.campaign:
            raise InvalidLeaf(
                f"{leaf['payout']} belongs to {payout.settlement}, which is not a settlement of {payout.campaign}"
            )
        if leaf["v"] > 1:
            _require_state_members(leaf)
        if leaf["state"] not in _ALLOWED_TRANSITIONS[previous.state]:
            raise InvalidLeaf(f"{leaf['payout']} is {previous.state or 'new'}: it cannot become {leaf['state']}")
        self._payouts[leaf["payout"]] = payout._replace(state=leaf["state"])
        campaign_charity = payout.campaign, payout.charity
        self._uncancelled_minor[campaign_charity] += {"": payout.amount_minor, "waiting": 0}.get(previous.state, 0)
        self._uncancelled_minor[campaign_charity] -= payout.amount_minor if leaf["state"] == "cancelled" else 0
        settled_minor = balances.net_moved_minor["settle", payout.campaign, payout.charity]
        if self._uncancelled_minor[campaign_charity] > settled_minor:
            raise InvalidLeaf(
                f"payouts to {payout.charity} add up to {self._uncancelled_minor[campaign_charity]} minor units,"
                f" but {settled_minor} are settled"
            )

    def find_differences(self, balances: Balances) -> list[str]:
        """Return where payout states and transfers disagree, as text; empty if nowhere."""
        moving: Counter[tuple[str, str]] = Counter()
        paid: Counter[tuple[str, str]] = Counter()
        for payout in self._payouts.values():
            key = payout.campaign, payout.charity
            moving[key] += payout.amount_minor if payout.state in _IN_FLIGHT_STATES else 0
            paid[key] += payout.amount_minor if payout.state == "paid" else 0
        balance_minor = balances.by_account
        owners = {key[1:] for key, minor in balance_minor.items() if key[0] in {"in_flight", "paid"} and minor}
        return [
            f"{campaign}, {charity}: payouts say {moving[campaign, charity]} minor units in flight and"
            f" {paid[campaign, charity]} paid, transfers {balance_minor['in_flight', campaign, charity]} and"
            f" {balance_minor['paid', campaign, charity]}"
            for campaign, charity in sorted(owners | moving.keys())
            if (moving[campaign, charity], paid[campaign, charity])
            != (balance_minor["in_flight", campaign, charity], balance_minor["paid", campaign, charity])
        ]


def _require_state_members(leaf: Mapping[str, Any]) -> None:
    """Raise InvalidLeaf unless a return has a reason, a payment its day, and other states neither."""
    for member, state in _STATE_MEMBERS.items():
        if (member in leaf) != (leaf["state"] == state):
            raise InvalidLeaf(f"{leaf['payout']} is {leaf['state']}, which {member} does not fit")


def _require_shares_due(
    leaf: Mapping[str, Any],
    shares: Mapping[str, int],
    earnings: CampaignEarnings,
    balances: Balances,
    topped_up_minor: int,
) -> None:
    """Raise InvalidLeaf unless each share is the total due at the cut-off less earlier settlements.

    The total may include the top-up to the campaign's floor.
    """
    campaign = leaf["campaign"]
    after_cut_off = (date.fromisoformat(leaf["cut_off"]) + timedelta(days=1)).isoformat()
    settled_before = {
        charity: minor - shares.get(charity, 0)
        for (step, leaf_campaign, charity), minor in balances.net_moved_minor.items()
        if (step, leaf_campaign) == ("settle", campaign) and charity
    }
    funded_minor = balances.net_moved_minor["fund", campaign, ""]
    if not any(
        _shares_match(shares, settled_before, earnings.shares_due(after_cut_off, funded_minor, topped_up))
        for topped_up in {0, topped_up_minor}
    ):
        due = earnings.shares_due(after_cut_off, funded_minor)
        raise InvalidLeaf(
            f"for the days up to {leaf['cut_off']}, {_format_amounts(due)} is due in total and"
            f" {_format_amounts(settled_before)} was settled before; the shares cannot be {_format_amounts(shares)}"
        )


def _shares_match(shares: Mapping[str, int], settled_minor: Mapping[str, int], due: Mapping[str, int]) -> bool:
    expected = amounts_to_settle(settled_minor, due)
    return all(shares.get(charity, 0) == expected.get(charity, 0) for charity in shares.keys() | expected.keys())


def amounts_to_settle(settled_minor: Mapping[str, int], due: Mapping[str, int]) -> dict[str, int]:
    """Return the amount for each charity: due less settled, in minor units.

    The excess of overpaid charities is deducted evenly from the others, from none more than its
    amount. The smallest amount bears first, then in order of naming; later ones bear the rest.
    """
    excess_minor = sum(max(0, minor - due.get(charity, 0)) for charity, minor in settled_minor.items())
    amounts = {
        charity: minor - settled_minor.get(charity, 0)
        for charity, minor in due.items()
        if minor > settled_minor.get(charity, 0)
    }
    bearers = sorted(amounts, key=lambda charity: amounts[charity])
    for bearing, charity in zip(range(len(bearers), 0, -1), bearers, strict=True):
        deducted_minor = min(amounts[charity], excess_minor // bearing)
        amounts[charity] -= deducted_minor
        excess_minor -= deducted_minor
    return amounts


def _format_amounts(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{charity} {minor}" for charity, minor in sorted(amounts.items())) or "nothing"
