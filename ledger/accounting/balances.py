"""The line that money moves along, as balances: public totals are these and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sql import Connection, query

_LIST_CAMPAIGN_BALANCES = query("list_campaign_balances")


class Balance(NamedTuple):
    """Accounts of one kind, added up over a campaign's charities."""

    minor: int = 0
    version: int = 0  # transfers so far


ZERO_BALANCE = Balance()


@dataclass(frozen=True, slots=True)
class CampaignBalances:
    """A campaign's balances along the line."""

    budget: Balance = ZERO_BALANCE
    pledged: Balance = ZERO_BALANCE
    payable: Balance = ZERO_BALANCE
    in_flight: Balance = ZERO_BALANCE
    paid: Balance = ZERO_BALANCE

    @property
    def settled_minor(self) -> int:
        """What settlements have taken out of the pledge so far."""
        return self.payable.minor + self.in_flight.minor + self.paid.minor

    @property
    def earned_minor(self) -> int:
        """All that likes have earned so far: pledged still, or settled."""
        return self.pledged.minor + self.settled_minor

    @property
    def funded_minor(self) -> int:
        """All that came into the budget and has not gone back."""
        return self.budget.minor + self.earned_minor


async def balances_by_campaign(conn: Connection, campaigns: Sequence[str]) -> dict[str, CampaignBalances]:
    """Return the balances of the campaigns named by their slugs."""
    found: dict[str, dict[str, Balance]] = {slug: {} for slug in campaigns}
    for row in await conn.fetch(_LIST_CAMPAIGN_BALANCES, list(campaigns)):
        found[row["campaign"]][row["kind"]] = Balance(row["balance_minor"], row["version"])
    return {slug: CampaignBalances(**kinds) for slug, kinds in found.items()}


async def campaign_balances(conn: Connection, campaign: str) -> CampaignBalances:
    """Return one campaign's balances."""
    return (await balances_by_campaign(conn, [campaign]))[campaign]
