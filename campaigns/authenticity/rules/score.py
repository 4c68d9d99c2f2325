"""The rule that adds up signs: none of them holds anybody alone, many together do."""

from bisect import bisect_right
from collections.abc import Sequence

from campaigns.authenticity.rule_input import Hit, Numbers, RuleInput, Score
from campaigns.authenticity.ruleset import ScoreCard
from campaigns.authenticity.signs import Signs, find_signs

_GATHERED_SHARE = (3, 5)


def find_scored(inputs: RuleInput, numbers: Numbers) -> list[Hit]:
    """Return people whose signs have so many points on the card for their number of likes. Pure."""
    return [
        Hit(
            frozenset({person}), {"likes": len(inputs.window.person_likes[person]), "points": score.total, **score.by}
        )
        for person, score in enumerate(inputs.scores)
        if score.total >= numbers["points_from"]
    ]


def score_people(inputs: RuleInput, cards: Sequence[ScoreCard]) -> list[Score]:
    """Return each person's points; none if there is no card. Pure.

    People of gatherings have none.
    """
    if not cards:
        return []
    signs = find_signs(inputs)
    rising = sorted(cards, key=lambda card: card.likes_from)
    firsts = [card.likes_from for card in rising]
    scores = []
    for person, likes in enumerate(inputs.window.person_likes):
        index = bisect_right(firsts, len(likes)) - 1
        is_scored = index >= 0 and not _is_gathered(inputs, likes)
        scores.append(_score(rising[index], signs, person) if is_scored else Score(0, {}))
    return scores


def _is_gathered(inputs: RuleInput, likes: list[int]) -> bool:
    """Return whether so many of a person's likes come from gatherings that these explain their company."""
    part, whole = _GATHERED_SHARE
    return whole * sum(1 for like in likes if inputs.window.network[like] in inputs.gatherings) >= part * len(likes)


def _score(card: ScoreCard, signs: Signs, person: int) -> Score:
    """Return the total, and the points of each sign that has any."""
    points = {sign: _points(steps, signs[sign][person]) for sign, steps in card.points.items()}
    return Score(
        card.start + sum(points.values()), {f"{sign}_points": value for sign, value in points.items() if value}
    )


def _points(steps: Sequence[Sequence[int]], value: int) -> int:
    reached = 0
    for least, points in steps:
        if value < least:
            break
        reached = points
    return reached
