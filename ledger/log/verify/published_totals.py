"""The figures that a service shows, as a stranger reads them: of which head of the log, and whether it says so."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ledger.log.encoding import from_base64
from ledger.log.verify.replay import Figures

_LIKES = ("counted", "withdrawn", "void")
_MONEY = ("funded", "pledged", "settled", "in_flight", "paid", "remaining")


class MalformedTotals(ValueError):
    """The answer is not what `/v1/totals` says."""


class Shown(NamedTuple):
    """What is shown, and the head of the log that has it all."""

    size: int
    root: bytes
    campaigns: dict[str, dict[str, int]]


def read_totals(body: bytes) -> Shown | None:
    """Return the figures; None while something of them is on its way into the log. MalformedTotals otherwise.

    Without campaigns there is nothing to compare: size 0 stands for any head then.
    """
    try:
        campaigns = json.loads(body)["campaigns"]
        if not campaigns:
            return Shown(0, b"", {})
        heads = {_head(campaign["checkpoint"]) for campaign in campaigns}
        if None in heads or len(heads) != 1:
            return None
        [(size, root)] = [head for head in heads if head is not None]
        return Shown(size, root, {campaign["campaign"]: _figures(campaign) for campaign in campaigns})
    except (ValueError, KeyError, TypeError) as fault:
        raise MalformedTotals(f"the totals cannot be read: {fault!r}") from None


def _head(checkpoint: Any) -> tuple[int, bytes] | None:
    return None if checkpoint is None else (int(checkpoint["size"]), from_base64(checkpoint["root"]))


def _figures(campaign: Mapping[str, Any]) -> dict[str, int]:
    likes = {name: int(campaign["likes"][name]) for name in _LIKES}
    return likes | {name: int(campaign["money"][name]["minor"]) for name in _MONEY}


def difference(shown: Shown, replayed: Mapping[str, Figures]) -> str | None:
    """Return the first figure that the log does not give; None where all agree."""
    for slug in sorted(shown.campaigns.keys() | replayed.keys()):
        if slug not in replayed:
            return f"{slug} is shown, and the log never told of it"
        if slug not in shown.campaigns:
            return f"{slug} is in the log, and not shown"
        for name, figure in shown.campaigns[slug].items():
            if (own := _replayed(replayed[slug], name)) != figure:
                return f"{slug}: {name} is shown as {figure}, the log makes it {own}"
    return None


def _replayed(figures: Figures, name: str) -> int:
    return int(getattr(figures, f"{name}_minor" if name in _MONEY else name))
