"""A simulated platform: the likes of many people with everything that goes wrong. Pure, from a seed.

Repeated likes, unlikes, relikes, an unlike before its like, fakes, late and invalid likes: each is a scenario that
sends its messages and adds to the expected totals. The expectation holds in any order of arrival.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from heapq import heappop, heappush
from itertools import accumulate
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ops.demo.attacks import ATTACK_LIKES_MAX, ATTACKS, FakeLike
from ops.demo.crowd import Crowd
from ops.demo.expected import ExpectedCounts, PledgeRules
from ops.demo.signals import honest_signals

LikeObject = dict[str, Any]
_DAYS_BACK = 6
_HOUR = timedelta(hours=1)
_LATER_MESSAGES_MAX = 3_000


class SimulatedCampaign(NamedTuple):
    """The campaign as the platform sees it."""

    slug: str
    timezone: ZoneInfo
    starts_at: datetime
    late_days: int
    rules: PledgeRules


class _CampaignDay(NamedTuple):
    day: date
    starts_at: datetime
    elapsed_seconds: int  # of the day, less an hour for later messages


@dataclass(frozen=True, slots=True)
class _PlannedLike:
    """A like before it is sent."""

    person: str
    content: str
    day: date
    at: datetime


class Simulation:
    """One run. After `messages()` is exhausted, `expected` is complete."""

    def __init__(self, campaign: SimulatedCampaign, label: str, likes: int, now: datetime) -> None:
        self.expected = ExpectedCounts(campaign.rules)
        self.label, self.likes, self.now = label, likes, now
        self._campaign = campaign
        self._rng = random.Random(label)  # noqa: S311 - a simulation must be repeatable
        self._crowd = Crowd(self._rng, label, likes)
        self._days = _campaign_days(now, campaign)
        self._shares = list(
            accumulate(self._rng.randint(2, 6) * max(1, day.elapsed_seconds // 600) for day in self._days)
        )
        self._later: list[tuple[int, int, LikeObject]] = []
        self._message_count = 0

    def messages(self) -> Iterator[LikeObject]:
        """Yield like objects of the intake in sending order."""
        scenarios, weights = zip(*_SCENARIOS, strict=True)
        sent = 0
        while self._message_count < self.likes:
            for message in self._rng.choices(scenarios, weights=weights)[0](self):
                yield message
                sent += 1
            while self._later and self._later[0][0] <= sent:
                yield heappop(self._later)[-1]
                sent += 1
        while self._later:
            yield heappop(self._later)[-1]

    def like_once(self) -> list[LikeObject]:
        """Like once."""
        return [self._keep_like(self._plan_like())]

    def send_twice(self) -> list[LikeObject]:
        """Send the same like twice: it counts once."""
        like = self._plan_like()
        self.expected.duplicates += 1
        self._send_later(self._make_message(like))
        return [self._keep_like(like)]

    def like_then_unlike(self) -> list[LikeObject]:
        """Like, then unlike."""
        like = self._plan_like()
        self.expected.withdrawn += 1
        self._send_later(self._make_message(like, "unlike", after_seconds=60))
        return [self._make_message(like)]

    def unlike_before_like(self) -> list[LikeObject]:
        """Send the unlike before its like."""
        like = self._plan_like()
        self.expected.withdrawn += 1
        self._send_later(self._make_message(like))
        return [self._make_message(like, "unlike", after_seconds=60)]

    def like_unlike_like(self) -> list[LikeObject]:
        """Like, unlike, like again: it counts once."""
        like = self._plan_like()
        self.expected.duplicates += 1
        self._send_later(self._make_message(like, "unlike", after_seconds=60))
        self._send_later(self._make_message(like, after_seconds=120))
        return [self._keep_like(like)]

    def like_late(self) -> list[LikeObject]:
        """Send a like of an earlier day late: it counts on its own day."""
        return [self._keep_like(self._plan_like(self._rng.choice(self._days)))]

    def fake_unwatched(self) -> list[LikeObject]:
        """Send a fake: a new account that did not watch."""
        return [self._fake_like("not watched", watch_ms=0, account_age_days=0)]

    def fake_watch_time(self) -> list[LikeObject]:
        """Send a fake: an impossible watch time."""
        return [self._fake_like("impossible watch time", watch_ms=2**40, duration_ms=15_000)]

    def run_click_farm(self) -> list[LikeObject]:
        """Send the likes of many accounts on one device."""
        return self._attack("click farm")

    def run_burst_bot(self) -> list[LikeObject]:
        """Send many likes of one account within a minute."""
        return self._attack("burst bot")

    def run_account_mill(self) -> list[LikeObject]:
        """Send the likes of new accounts for one video."""
        return self._attack("account mill")

    def like_too_late(self) -> list[LikeObject]:
        """Send a like later than the promise allows."""
        newest = self.now - timedelta(days=self._campaign.late_days + 1)
        seconds = max(1, (newest - self._campaign.starts_at) // timedelta(seconds=1))
        return [
            self._refused_like("too_late", self._campaign.starts_at + timedelta(seconds=self._rng.randrange(seconds)))
        ]

    def like_before_start(self) -> list[LikeObject]:
        """Send a like from before the campaign."""
        return [self._refused_like("not_running", self._campaign.starts_at - _HOUR)]

    def like_in_future(self) -> list[LikeObject]:
        """Send a like from the future."""
        return [self._refused_like("in_future", self.now + _HOUR)]

    def send_invalid(self) -> list[LikeObject]:
        """Send an invalid like."""
        return [self._refused_like("invalid", self.now) | {"action": "superlike"}]

    def _plan_like(self, day: _CampaignDay | None = None) -> _PlannedLike:
        campaign_day = day or self._current_day()
        seconds = int(self._rng.triangular(0, campaign_day.elapsed_seconds, campaign_day.elapsed_seconds * 7 // 8))
        at = campaign_day.starts_at + timedelta(seconds=seconds, milliseconds=self._rng.randrange(1_000))
        return _PlannedLike(*self._crowd.draw_pair(), campaign_day.day, at)

    def _current_day(self) -> _CampaignDay:
        """Return the current day of the simulation; days follow one another, some busier than others."""
        reached = min(self._message_count, self.likes - 1) * self._shares[-1] // self.likes
        return next(day for day, share in zip(self._days, self._shares, strict=True) if reached < share)

    def _keep_like(self, like: _PlannedLike) -> LikeObject:
        self.expected.likes[like.person, like.content] = like.day
        return self._make_message(like)

    def _fake_like(self, attack: str, **signals: int) -> LikeObject:
        like = replace(self._plan_like(), person=f"{self.label}-fake-{self._message_count}")
        self.expected.fakes[like.person, like.content] = attack
        return self._keep_like(like) | {"signals": signals}

    def _attack(self, family: str) -> list[LikeObject]:
        """Send the likes of an attack that lasts less than an hour; none if too few likes are left to send."""
        if self.likes - self._message_count < ATTACK_LIKES_MAX:
            return []
        day = self._current_day()
        starts_at = day.starts_at + timedelta(seconds=self._rng.randrange(day.elapsed_seconds))
        fakes = ATTACKS[family](self._rng, f"{self.label}-{family.replace(' ', '-')}-{self._message_count}")
        return [self._attack_like(family, fake, day.day, starts_at) for fake in fakes]

    def _attack_like(self, family: str, fake: FakeLike, day: date, starts_at: datetime) -> LikeObject:
        self.expected.fakes[fake.person, fake.content] = family
        like = _PlannedLike(fake.person, fake.content, day, starts_at + timedelta(seconds=fake.after_seconds))
        return self._keep_like(like) | {"signals": fake.signals}

    def _refused_like(self, outcome: str, at: datetime) -> LikeObject:
        self.expected.refusals[outcome] += 1
        person, content = self._crowd.draw_pair()
        return self._make_message(_PlannedLike(person, content, at.date(), at))

    def _make_message(self, like: _PlannedLike, action: str = "like", after_seconds: int = 0) -> LikeObject:
        self._message_count += 1
        return {
            "action": action,
            "content": like.content,
            "person": like.person,
            "event_at": like.at + timedelta(seconds=after_seconds),
            "campaign": self._campaign.slug,
            "signals": honest_signals(self.label, like.person, like.content),
        }

    def _send_later(self, message: LikeObject) -> None:
        """Queue a message for later; queued messages may overtake one another."""
        heappush(
            self._later,
            (self._message_count + self._rng.randrange(1, _LATER_MESSAGES_MAX), self._message_count, message),
        )


_SCENARIOS: list[tuple[Callable[[Simulation], list[LikeObject]], int]] = [
    (Simulation.like_once, 1_600),
    (Simulation.send_twice, 160),
    (Simulation.like_then_unlike, 50),
    (Simulation.unlike_before_like, 20),
    (Simulation.like_unlike_like, 30),
    (Simulation.like_late, 70),
    (Simulation.fake_unwatched, 25),
    (Simulation.fake_watch_time, 15),
    (Simulation.run_click_farm, 2),
    (Simulation.run_burst_bot, 2),
    (Simulation.run_account_mill, 2),
    (Simulation.like_too_late, 10),
    (Simulation.like_before_start, 5),
    (Simulation.like_in_future, 5),
    (Simulation.send_invalid, 1),
]


def _campaign_days(now: datetime, campaign: SimulatedCampaign) -> list[_CampaignDay]:
    """Return the campaign's last days, as much of each as is over; never empty for a campaign that has begun."""
    today = now.astimezone(campaign.timezone).date()
    days = [_elapsed_day(today - timedelta(days=back), now, campaign) for back in range(_DAYS_BACK, -1, -1)]
    return [day for day in days if day.starts_at >= campaign.starts_at and day.elapsed_seconds > 0]


def _elapsed_day(day: date, now: datetime, campaign: SimulatedCampaign) -> _CampaignDay:
    starts_at = datetime.combine(day, time(), tzinfo=campaign.timezone).astimezone(UTC)
    over = min(now - starts_at, timedelta(days=1)) - _HOUR
    return _CampaignDay(day, starts_at, over // timedelta(seconds=1))
