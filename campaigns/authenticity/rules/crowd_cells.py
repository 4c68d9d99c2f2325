"""Crowds: contents or networks with more newcomers than their regular people explain.

Newcomers are the people that a rule compares: those who are not established, or those with few
likes. A crowd alone is no fault: a celebrity draws one. `crowd` asks what else is remarkable.
"""

from typing import NamedTuple

from campaigns.authenticity.rule_input import Numbers, RuleInput
from campaigns.authenticity.window import Window

_ROUNDS = 3  # the campaign's own ratio is taken without the crowds that were seen before
_CONTENT_PRIOR, _NETWORK_PRIOR = 50, 25  # newcomers (hundredths) that need no regular person
_SHARED_NETWORK_PEOPLE = 3


class Cell(NamedTuple):
    """A content or a network: one like of each newcomer, and how many regular people it has."""

    likes: list[int]
    regulars: int


class Crowds(NamedTuple):
    """All cells, the numbers of those that are crowds, and each one's expectation in hundredths."""

    cells: list[Cell]
    expected: dict[int, int]
    is_newcomer: list[bool]


def find_crowds(inputs: RuleInput, numbers: Numbers, *, is_content: bool) -> Crowds:
    """Return the cells and which of them are crowds. Pure."""
    window = inputs.window
    is_newcomer = _newcomers(window, numbers["likes_max"])
    groups = window.content_likes if is_content else window.network_likes
    cells = [_cell(inputs, likes, is_newcomer) for likes in groups]
    prior = _CONTENT_PRIOR if is_content else _NETWORK_PRIOR
    least = 1 if is_content else _SHARED_NETWORK_PEOPLE
    compared = [cell for cell in cells if len(cell.likes) + cell.regulars >= least]
    newcomers, regulars = sum(len(cell.likes) for cell in compared), sum(cell.regulars for cell in compared)
    expected: dict[int, int] = {}
    for _ in range(_ROUNDS):
        ratio = (
            newcomers - sum(len(cells[number].likes) for number in expected),
            max(1, regulars - sum(cells[number].regulars for number in expected)),
        )
        expected = _expect_crowds(inputs, cells, ratio, prior, numbers["people_from"])
    return Crowds(cells, expected, is_newcomer)


def _expect_crowds(
    inputs: RuleInput, cells: list[Cell], ratio: tuple[int, int], prior: int, least: int
) -> dict[int, int]:
    newcomers, regulars = ratio
    expected: dict[int, int] = {}
    for number, cell in enumerate(cells):
        if len(cell.likes) >= least:
            hundredths = 100 * cell.regulars * newcomers // regulars + prior
            if len(cell.likes) >= inputs.critical_count(hundredths):
                expected[number] = hundredths
    return expected


def _newcomers(window: Window, likes_max: int) -> list[bool]:
    """Return who is a newcomer: with at most so many likes, or (0) not established."""
    if likes_max:
        return [len(likes) <= likes_max for likes in window.person_likes]
    return [not established for established in window.is_established]


def _cell(inputs: RuleInput, likes: list[int], is_newcomer: list[bool]) -> Cell:
    person, network, gatherings = inputs.window.person, inputs.window.network, inputs.gatherings
    first: dict[int, int] = {}
    for like in likes:
        if network[like] not in gatherings:
            first.setdefault(person[like], like)
    members = [like for member, like in first.items() if is_newcomer[member]]
    return Cell(members, len(first) - len(members))
