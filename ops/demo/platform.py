"""A simulated platform: likes as people make them, and all that goes wrong on the way; pure, from a seed.

Twice the same like, unlikes, second thoughts, an unlike that arrives before its like, fakes, late ones, nonsense:
each is a scenario that sends its messages and says what must come of them, whatever the order in which they arrive.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from heapq import heappop, heappush
from itertools import accumulate
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ops.demo.crowd import Crowd
from ops.demo.expected import Expected, Rules

Message = dict[str, Any]
_DAYS_BACK = 6
_HOUR = timedelta(hours=1)
_LATER_MESSAGES_MAX = 3_000


class Stage(NamedTuple):
    """What the platform knows of the campaign."""

    campaign: str
    timezone: ZoneInfo
    starts_at: datetime
    late_days: int
    rules: Rules


class _Day(NamedTuple):
    day: date
    starts_at: datetime
    seconds: int  # how much of it is over, less an hour for what follows a like


@dataclass(frozen=True, slots=True)
class _Like:
    """A like that a person is about to give."""

    person: str
    content: str
    day: date
    at: datetime


class Simulation:
    """One run: `messages()` once, and then `expected` is complete."""

    def __init__(self, stage: Stage, label: str, likes: int, now: datetime) -> None:
        self.expected = Expected(stage.rules)
        self.label, self.likes, self.now = label, likes, now
        self._stage = stage
        self._rng = random.Random(label)  # noqa: S311 - a simulation, which must come out the same again
        self._crowd = Crowd(self._rng, label, likes)
        self._days = _days_until(now, stage)
        self._shares = list(accumulate(self._rng.randint(2, 6) for _ in self._days))
        self._later: list[tuple[int, int, Message]] = []
        self._made = 0

    def messages(self) -> Iterator[Message]:
        """Yield the intake's like objects in the order in which they are sent."""
        scenarios, often = zip(*_SCENARIOS, strict=True)
        sent = 0
        while self._made < self.likes:
            for message in self._rng.choices(scenarios, weights=often)[0](self):
                yield message
                sent += 1
            while self._later and self._later[0][0] <= sent:
                yield heappop(self._later)[-1]
                sent += 1
        while self._later:
            yield heappop(self._later)[-1]

    def once(self) -> list[Message]:
        """Like it, and no more."""
        return [self._stands(self._like())]

    def again(self) -> list[Message]:
        """Send the same like a second time: it counts once."""
        like = self._like()
        self.expected.repeated += 1
        self._put_off(self._message(like))
        return [self._stands(like)]

    def regretted(self) -> list[Message]:
        """Like it and take it back."""
        like = self._like()
        self.expected.withdrawn += 1
        self._put_off(self._message(like, "unlike", after_seconds=60))
        return [self._message(like)]

    def overtaken(self) -> list[Message]:
        """The unlike arrives before the like that it takes back."""
        like = self._like()
        self.expected.withdrawn += 1
        self._put_off(self._message(like))
        return [self._message(like, "unlike", after_seconds=60)]

    def reconsidered(self) -> list[Message]:
        """Like it, take it back, like it again: it counts, once."""
        like = self._like()
        self.expected.repeated += 1
        self._put_off(self._message(like, "unlike", after_seconds=60))
        self._put_off(self._message(like, after_seconds=120))
        return [self._stands(like)]

    def late(self) -> list[Message]:
        """A like of an earlier day arrives among those of a later one, and counts on its own day."""
        return [self._stands(self._like(self._rng.choice(self._days)))]

    def never_watched(self) -> list[Message]:
        """A fake: an account of today that did not watch what it liked."""
        return [self._fake(watch_ms=0, account_age_days=0)]

    def watched_for_weeks(self) -> list[Message]:
        """A fake: a watching time that was made up."""
        return [self._fake(watch_ms=2**40, duration_ms=15_000)]

    def too_late(self) -> list[Message]:
        """A like that arrives later than the promise allows."""
        newest = self.now - timedelta(days=self._stage.late_days + 1)
        seconds = max(1, (newest - self._stage.starts_at) // timedelta(seconds=1))
        return [self._refused("too_late", self._stage.starts_at + timedelta(seconds=self._rng.randrange(seconds)))]

    def too_early(self) -> list[Message]:
        """A like from before the campaign."""
        return [self._refused("not_running", self._stage.starts_at - _HOUR)]

    def ahead(self) -> list[Message]:
        """A like by a clock that is wrong."""
        return [self._refused("in_future", self.now + _HOUR)]

    def nonsense(self) -> list[Message]:
        """Something that is no like."""
        return [self._refused("invalid", self.now) | {"action": "superlike"}]

    def _like(self, day: _Day | None = None) -> _Like:
        own = day or self._day_now()
        seconds = int(self._rng.triangular(0, own.seconds, own.seconds * 7 // 8))
        at = own.starts_at + timedelta(seconds=seconds, milliseconds=self._rng.randrange(1_000))
        return _Like(*self._crowd.pair(), own.day, at)

    def _day_now(self) -> _Day:
        """Return the day that the simulation has come to: one after the other, some busier than others."""
        reached = min(self._made, self.likes - 1) * self._shares[-1] // self.likes
        return next(day for day, share in zip(self._days, self._shares, strict=True) if reached < share)

    def _stands(self, like: _Like) -> Message:
        self.expected.standing[like.person, like.day] += 1
        return self._message(like)

    def _fake(self, **signals: int) -> Message:
        self.expected.fake += 1
        return self._message(self._like()) | {"signals": signals}

    def _refused(self, outcome: str, at: datetime) -> Message:
        self.expected.refused[outcome] += 1
        person, content = self._crowd.pair()
        return self._message(_Like(person, content, at.date(), at))

    def _message(self, like: _Like, action: str = "like", after_seconds: int = 0) -> Message:
        self._made += 1
        duration_ms = self._rng.randrange(5_000, 90_000)
        signals = {"watch_ms": self._rng.randrange(2 * duration_ms), "duration_ms": duration_ms}
        return {
            "action": action,
            "content": like.content,
            "person": like.person,
            "event_at": like.at + timedelta(seconds=after_seconds),
            "campaign": self._stage.campaign,
            "signals": signals,
        }

    def _put_off(self, message: Message) -> None:
        """Send it some messages later; what was put off first may come last."""
        heappush(self._later, (self._made + self._rng.randrange(1, _LATER_MESSAGES_MAX), self._made, message))


_SCENARIOS: list[tuple[Callable[[Simulation], list[Message]], int]] = [
    (Simulation.once, 1_600),
    (Simulation.again, 160),
    (Simulation.regretted, 50),
    (Simulation.overtaken, 20),
    (Simulation.reconsidered, 30),
    (Simulation.late, 70),
    (Simulation.never_watched, 25),
    (Simulation.watched_for_weeks, 15),
    (Simulation.too_late, 10),
    (Simulation.too_early, 5),
    (Simulation.ahead, 5),
    (Simulation.nonsense, 1),
]


def _days_until(now: datetime, stage: Stage) -> list[_Day]:
    """Return the campaign's last days, as much of each as is over; never empty for a campaign that has begun."""
    today = now.astimezone(stage.timezone).date()
    days = [_day(today - timedelta(days=back), now, stage) for back in range(_DAYS_BACK, -1, -1)]
    return [day for day in days if day.starts_at >= stage.starts_at and day.seconds > 0]


def _day(day: date, now: datetime, stage: Stage) -> _Day:
    starts_at = datetime.combine(day, time(), tzinfo=stage.timezone).astimezone(UTC)
    over = min(now - starts_at, timedelta(days=1)) - _HOUR
    return _Day(day, starts_at, over // timedelta(seconds=1))
