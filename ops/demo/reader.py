"""What the public can read, over HTTP like anyone."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import aiohttp

from campaigns.errors import Refused

_PATIENCE_SECONDS = 60
_AGAIN_SECONDS = 0.2


class NotShown(Refused):
    """The public figures do not show what was recorded."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A campaign's public figures."""

    likes: dict[str, int]
    counted: Counter[date]
    funded_minor: int
    pledged_minor: int
    settled_minor: int = 0
    in_flight_minor: int = 0
    paid_minor: int = 0

    @property
    def waiting_minor(self) -> int:
        """What is settled and with no bank: carried over, to be sent, or come back."""
        return self.settled_minor - self.in_flight_minor - self.paid_minor


async def read(session: aiohttp.ClientSession, campaign: str, since: datetime) -> Standing:
    """Return the public figures as of `since` or later. Raises NotShown if none such appear."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            totals = await _fresh(session, f"/v1/campaigns/{campaign}/totals", since)
            days = await _fresh(session, f"/v1/campaigns/{campaign}/days", since)
    except TimeoutError as error:
        raise NotShown(f"no public totals of {since:%H:%M:%S} or later within {_PATIENCE_SECONDS} s") from error
    money = totals["money"]
    counted = Counter({date.fromisoformat(day["day"]): int(day["counted"]) for day in days["days"]})
    minor = [money[name]["minor"] for name in ("funded", "pledged", "settled", "in_flight", "paid")]
    return Standing(totals["likes"], counted, *minor)


async def _fresh(session: aiohttp.ClientSession, path: str, since: datetime) -> dict[str, Any]:
    while True:
        async with session.get(path) as response:
            response.raise_for_status()
            shown: dict[str, Any] = await response.json()
        if datetime.fromisoformat(shown["as_of"]) >= since:
            return shown
        await asyncio.sleep(_AGAIN_SECONDS)
