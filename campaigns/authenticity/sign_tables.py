"""What all signs share: who is compared with whom, and which signals count on which day."""

from typing import NamedTuple

from campaigns.authenticity.rule_input import RuleInput
from campaigns.authenticity.window import ABSENT, Window

_LIGHT_LIKES_MAX = 40
_REGULAR_SHARE = (1, 5)  # of the likes come from regular people: of fewer nothing can be learnt


class SignTables(NamedTuple):
    """Columns for the signs.

    A *light* person is not established, or likes little: signs compare them with regular people.
    Where such regular people are few, all established people are regular; where these are few too,
    there is nobody to compare with (`has_regulars` is false).
    `device` and `network` are absent where a platform's day seldom carries them. A like is
    gathered if it comes from a gathering, such as a school class.
    """

    is_light: list[bool]
    device: list[int]
    network: list[int]
    is_gathered: list[bool]
    is_suspect: list[bool]
    has_regulars: bool


def build_tables(inputs: RuleInput) -> SignTables:
    """Return the columns. Pure."""
    window = inputs.window
    is_light = [
        not established or len(likes) <= _LIGHT_LIKES_MAX
        for established, likes in zip(window.is_established, window.person_likes, strict=True)
    ]
    if not _have_regulars(window, is_light):
        is_light = [not established for established in window.is_established]
    return SignTables(
        is_light=is_light,
        device=_drop_uncovered(inputs, window, window.device, "device"),
        network=_drop_uncovered(inputs, window, window.network, "network"),
        is_gathered=[network in inputs.gatherings for network in window.network],
        is_suspect=[person in inputs.suspects for person in range(len(window.person_likes))],
        has_regulars=_have_regulars(window, is_light),
    )


def _have_regulars(window: Window, is_light: list[bool]) -> bool:
    part, whole = _REGULAR_SHARE
    return whole * sum(1 for person in window.person if not is_light[person]) >= part * len(window.person)


def _drop_uncovered(inputs: RuleInput, window: Window, column: list[int], signal: str) -> list[int]:
    """Return the column with ABSENT where fewer than half of a platform's day carry the signal."""
    missing = {key for key, signals in inputs.uncovered.items() if signal in signals}
    if not missing:
        return column
    return [
        ABSENT if (like.platform, day) in missing else number
        for like, day, number in zip(window.likes, window.day, column, strict=True)
    ]
