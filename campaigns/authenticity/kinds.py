"""Kinds of rules: the signals and numbers that each needs, with their bounds.

A kind is code: a pure function in `rules/`. A ruleset chooses kinds and sets their numbers. A rule's
id is its kind, or names its kind, so that a ruleset may use a kind several times.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Signal = Literal["device", "network", "account_age_days", "watch_ms", "duration_ms", "flags"]
Stage = Literal["intake", "window"]

BASIS_POINTS = 10_000
_HOURS_MAX = 24 * 366
_SECONDS_MAX = 7 * 86_400
_COUNT_MAX = 1_000_000


class Number(NamedTuple):
    """A number of a rule: its bounds, and whether the lower or the higher value holds more likes."""

    least: int
    most: int
    stricter: Literal["lower", "higher"]


class Kind(NamedTuple):
    """A kind of rule: where it runs, the signals it cannot do without, and its numbers."""

    stage: Stage
    needs: frozenset[Signal]
    numbers: Mapping[str, Number]


def _from(least: int = 2, most: int = _COUNT_MAX) -> Number:
    return Number(least, most, "lower")


def _up_to(most: int, least: int = 1) -> Number:
    return Number(least, most, "higher")


_SHARE_FROM = Number(0, BASIS_POINTS, "lower")
_CROWD = {
    "people_from": _from(3),
    "likes_max": _up_to(_COUNT_MAX, 0),
    "share_from_bp": _SHARE_FROM,
    "excess_from_bp": _SHARE_FROM,
    "deviation_from": Number(1, _COUNT_MAX, "lower"),
    "pooled_deviation_from": Number(1, _COUNT_MAX, "lower"),
    "pooled_excess_from_bp": Number(BASIS_POINTS, 100 * BASIS_POINTS, "lower"),
    "rush_minutes": Number(0, 60 * 24, "lower"),
}

SIGNS = (  # of a person; `signs` finds them
    "pushed", "watch", "age", "signals", "deed", "network_kind", "moment", "more_crowds",
    "held_contents", "held_moments", "held_network", "held_device", "held_mates",
    "network", "device_people", "mates", "close_mates", "created",
    "scripted", "deeds", "same_watch", "short_gaps", "brisk_gaps", "devices",
)  # fmt: skip

KINDS: Mapping[str, Kind] = {
    "unwatched.new": Kind(
        "intake", frozenset({"watch_ms", "account_age_days"}), {"account_days_max": _up_to(365, 0)}
    ),
    "watch.loops": Kind("intake", frozenset({"watch_ms", "duration_ms"}), {"loops_from": _from(2, 10**9)}),
    "pace.burst": Kind("window", frozenset(), {"likes_from": _from(3), "window_seconds": _up_to(_SECONDS_MAX)}),
    "pace.clock": Kind(
        "window",
        frozenset(),
        {
            "gaps_from": _from(4, 1_000),
            "tolerance_bp": _up_to(BASIS_POINTS),
            "strays_max": _up_to(100, 0),
            "gap_seconds_max": _up_to(_SECONDS_MAX),
            "share_from_bp": _SHARE_FROM,
        },
    ),
    "device.crowd": Kind(
        "window", frozenset({"device"}), {"window_hours": _up_to(_HOURS_MAX), "people_from": _from(2)}
    ),
    "device.rotation": Kind(
        "window", frozenset({"device"}), {"devices_from": _from(2), "share_from_bp": _SHARE_FROM}
    ),
    "lockstep.slots": Kind(
        "window",
        frozenset(),
        {"slot_minutes": _up_to(1_440, 5), "people_from": _from(3), "share_from_bp": _SHARE_FROM},
    ),
    "lockstep.network": Kind(
        "window",
        frozenset({"network"}),
        {"people_from": _from(3), "contents_from": _from(2), "share_from_bp": _SHARE_FROM},
    ),
    "session.strange": Kind(
        "window",
        frozenset({"device"}),
        {
            "session_minutes": _up_to(1_440),
            "likes_from": _from(2, 1_000),
            "people_from": _from(2),
            "share_from_bp": _SHARE_FROM,
        },
    ),
    "crowd.content": Kind("window", frozenset(), _CROWD),
    "crowd.network": Kind("window", frozenset({"network"}), _CROWD),
    "score.person": Kind("window", frozenset(), {"points_from": _from(1)}),
}
