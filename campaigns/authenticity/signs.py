"""Signs: what a scorecard knows of a person, as whole numbers. None of them holds anybody alone.

Each is relative to the campaign's own people: to *regular* ones, who are established and like much,
or to all others. A person never speaks for or against themselves: their own likes are left out of
the counts that they are compared with.
"""

from collections.abc import Mapping
from itertools import pairwise
from math import isqrt

from campaigns.authenticity.kinds import BASIS_POINTS
from campaigns.authenticity.rule_input import RuleInput
from campaigns.authenticity.sign_tables import SignTables, build_tables
from campaigns.authenticity.signs_contents import content_signs
from campaigns.authenticity.signs_people import created_signs, device_signs, mate_signs, network_signs
from campaigns.authenticity.traits import Trait
from campaigns.authenticity.window import ABSENT, Window

Signs = Mapping[str, list[int]]  # by sign, one number a person

_SCRIPTED_LEAST_BP, _SCRIPTED_MOST_BP = 500, 9_500
_ONE_DEVICE_BP = 5_000  # of who likes once: neither one device for all likes nor one for each
_SHORT_GAP_MS, _BRISK_GAP_MS = 60_000, 300_000


def find_signs(inputs: RuleInput) -> Signs:
    """Return all signs of all people. Pure."""
    tables = build_tables(inputs)
    return {
        **content_signs(inputs, tables),
        **network_signs(inputs, tables),
        **device_signs(inputs, tables),
        **mate_signs(inputs, tables),
        "created": created_signs(inputs.window, tables),
        **_behaviour_signs(inputs, tables),
    }


def _behaviour_signs(inputs: RuleInput, tables: SignTables) -> dict[str, list[int]]:
    window = inputs.window
    scripted_bp = _usual_scripted_bp(inputs, tables)
    people = window.person_likes
    return {
        "scripted": [_scripted_score(inputs, likes, scripted_bp) for likes in people],
        "deeds": [_trait_bp(inputs, likes, Trait.DEED) for likes in people],
        "same_watch": [
            BASIS_POINTS * sum(1 for like in likes if _has_same_watch(inputs, like)) // len(likes) for likes in people
        ],
        "short_gaps": [_gaps_bp(window, likes, _SHORT_GAP_MS) for likes in people],
        "brisk_gaps": [_gaps_bp(window, likes, _BRISK_GAP_MS) for likes in people],
        "devices": [_devices_bp(tables, likes) for likes in people],
    }


def _usual_scripted_bp(inputs: RuleInput, tables: SignTables) -> int:
    likes = [like for like, person in enumerate(inputs.window.person) if not tables.is_light[person]]
    scripted = sum(1 for like in likes if inputs.traits[like] & Trait.SCRIPTED_WATCH)
    return min(max(BASIS_POINTS * scripted // max(1, len(likes)), _SCRIPTED_LEAST_BP), _SCRIPTED_MOST_BP)


def _scripted_score(inputs: RuleInput, likes: list[int], usual_bp: int) -> int:
    """Return the standard score, in tenths, of the likes that are watched by script."""
    scripted = sum(1 for like in likes if inputs.traits[like] & Trait.SCRIPTED_WATCH)
    spread = isqrt(len(likes) * usual_bp * (BASIS_POINTS - usual_bp))
    return 10 * (BASIS_POINTS * scripted - len(likes) * usual_bp) // spread


def _trait_bp(inputs: RuleInput, likes: list[int], trait: Trait) -> int:
    return BASIS_POINTS * sum(1 for like in likes if inputs.traits[like] & trait) // len(likes)


def _has_same_watch(inputs: RuleInput, like: int) -> bool:
    """Return whether somebody else watched the content as long, to the millisecond.

    Whole seconds do not count: some clients round.
    """
    watch_ms = inputs.window.likes[like].watch_ms
    return bool(watch_ms and watch_ms % 1_000 and inputs.traits[like] & Trait.SAME_WATCH)


def _gaps_bp(window: Window, likes: list[int], gap_ms: int) -> int:
    """Return the share (bp) of likes that come so soon after another; some clients send several at once."""
    moments = [window.time_ms[like] for like in likes]
    return BASIS_POINTS * sum(1 for before, after in pairwise(moments) if 0 < after - before < gap_ms) // len(likes)


def _devices_bp(tables: SignTables, likes: list[int]) -> int:
    if len(likes) == 1:
        return _ONE_DEVICE_BP
    return BASIS_POINTS * len({tables.device[like] for like in likes} - {ABSENT}) // len(likes)
