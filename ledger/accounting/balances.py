"""A campaign's balances from budget to paid; public totals are derived from these alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sql import Connection, query

_LIST_CAMPAIGN_BALANCES = query("list_campaign_balances")


class Balance(NamedTuple):
    """The balance of one kind of account, summed over a campaign's charities."""

    minor: int = 0
    version: int = 0  # number of transfers so far


ZERO_BALANCE = Balance()


@dataclass(frozen=True, slots=True)
class CampaignBalances:
    """A campaign's balances, in the order in which money moves."""

    budget: Balance = ZERO_BALANCE
    pledged: Balance = ZERO_BALANCE
    payable: Balance = ZERO_BALANCE
    in_flight: Balance = ZERO_BALANCE
    paid: Balance = ZERO_BALANCE

    @property
    def settled_minor(self) -> int:
        """Return the amount that settlements have taken out of the pledge."""
        return self.payable.minor + self.in_flight.minor + self.paid.minor

    @property
    def earned_minor(self) -> int:
        """Return the amount that likes have earned: still pledged, or settled."""
        return self.pledged.minor + self.settled_minor

    @property
    def funded_minor(self) -> int:
        """Return the amount that came into the budget and was not refunded."""
        return self.budget.minor + self.earned_minor


async def balances_by_campaign(conn: Connection, campaigns: Sequence[str]) -> dict[str, CampaignBalances]:
    """Return the balances of these campaigns, by slug."""
    balances: dict[str, dict[str, Balance]] = {slug: {} for slug in campaigns}
    for row in await conn.fetch(_LIST_CAMPAIGN_BALANCES, list(campaigns)):
        balances[row["campaign"]][row["kind"]] = Balance(row["balance_minor"], row["version"])
    return {slug: CampaignBalances(**by_kind) for slug, by_kind in balances.items()}


async def campaign_balances(conn: Connection, campaign: str) -> CampaignBalances:
    """Return the balances of one campaign."""
    return (await balances_by_campaign(conn, [campaign]))[campaign]
