"""The figures that a service shows, as a stranger reads them: of which head of the log, and whether it says so."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ledger.log.encoding import from_base64
from ledger.log.verify.replay import Figures

_LIKE_NAMES = ("counted", "withdrawn", "void")
_MONEY_NAMES = ("funded", "pledged", "settled", "in_flight", "paid", "remaining")


class MalformedTotals(ValueError):
    """The answer is not what `/v1/totals` says."""


class PublishedTotals(NamedTuple):
    """What is shown, and the head of the log that has it all."""

    size: int
    root: bytes
    campaigns: dict[str, dict[str, int]]


def parse_totals(body: bytes) -> PublishedTotals | None:
    """Return the figures; None while something of them is on its way into the log. MalformedTotals otherwise.

    Without campaigns there is nothing to compare: size 0 stands for any head then.
    """
    try:
        campaigns = json.loads(body)["campaigns"]
        if not campaigns:
            return PublishedTotals(0, b"", {})
        heads = {_parse_head(campaign["checkpoint"]) for campaign in campaigns}
        if None in heads or len(heads) != 1:
            return None
        [(size, root)] = [head for head in heads if head is not None]
        return PublishedTotals(size, root, {campaign["campaign"]: _parse_figures(campaign) for campaign in campaigns})
    except (ValueError, KeyError, TypeError) as fault:
        raise MalformedTotals(f"the totals cannot be read: {fault!r}") from None


def _parse_head(checkpoint: Any) -> tuple[int, bytes] | None:
    return None if checkpoint is None else (int(checkpoint["size"]), from_base64(checkpoint["root"]))


def _parse_figures(campaign: Mapping[str, Any]) -> dict[str, int]:
    likes = {name: int(campaign["likes"][name]) for name in _LIKE_NAMES}
    return likes | {name: int(campaign["money"][name]["minor"]) for name in _MONEY_NAMES}


def find_difference(totals: PublishedTotals, replayed_figures: Mapping[str, Figures]) -> str | None:
    """Return the first figure that the log does not give; None where all agree."""
    for slug in sorted(totals.campaigns.keys() | replayed_figures.keys()):
        if slug not in replayed_figures:
            return f"{slug} is shown, and the log never told of it"
        if slug not in totals.campaigns:
            return f"{slug} is in the log, and not shown"
        for name, figure in totals.campaigns[slug].items():
            if (own := _replayed_figure(replayed_figures[slug], name)) != figure:
                return f"{slug}: {name} is shown as {figure}, the log makes it {own}"
    return None


def _replayed_figure(figures: Figures, name: str) -> int:
    return int(getattr(figures, f"{name}_minor" if name in _MONEY_NAMES else name))
