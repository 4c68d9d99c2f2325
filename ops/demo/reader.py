"""The published figures, read over HTTP as anyone can."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import aiohttp

from campaigns.errors import RequestRefused

_WAIT_SECONDS_MAX = 60
_POLL_SECONDS = 0.2


class StaleFigures(RequestRefused):
    """The published figures do not catch up with the recorded likes."""


@dataclass(frozen=True, slots=True)
class PublicFigures:
    """The published figures of a campaign."""

    likes: dict[str, int]
    counted: Counter[date]
    funded_minor: int
    pledged_minor: int
    settled_minor: int = 0
    in_flight_minor: int = 0
    paid_minor: int = 0

    @property
    def unsent_minor(self) -> int:
        """Return what is settled but not with a bank: carried over, waiting, or returned."""
        return self.settled_minor - self.in_flight_minor - self.paid_minor


async def read_figures(session: aiohttp.ClientSession, campaign: str, since: datetime) -> PublicFigures:
    """Return figures published at `since` or later. Raises StaleFigures after a minute."""
    try:
        async with asyncio.timeout(_WAIT_SECONDS_MAX):
            totals = await _fetch_fresh(session, f"/v1/campaigns/{campaign}/totals", since)
            days = await _fetch_fresh(session, f"/v1/campaigns/{campaign}/days", since)
    except TimeoutError as error:
        raise StaleFigures("demo_figures_stale", seconds_number=_WAIT_SECONDS_MAX) from error
    money = totals["money"]
    counted = Counter({date.fromisoformat(day["day"]): int(day["counted"]) for day in days["days"]})
    minor = [money[name]["minor"] for name in ("funded", "pledged", "settled", "in_flight", "paid")]
    return PublicFigures(totals["likes"], counted, *minor)


async def _fetch_fresh(session: aiohttp.ClientSession, path: str, since: datetime) -> dict[str, Any]:
    while True:
        async with session.get(path) as response:
            response.raise_for_status()
            figures: dict[str, Any] = await response.json()
        if datetime.fromisoformat(figures["as_of"]) >= since:
            return figures
        await asyncio.sleep(_POLL_SECONDS)
