"""The totals that a service publishes, and their comparison with the replayed log."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ledger.log.encoding import from_base64
from ledger.log.verify.replay import Figures

_LIKE_NAMES = ("counted", "withdrawn", "void", "quarantined")
_LATER_LIKE_NAMES = ("low_quality",)  # older services do not publish them
_MONEY_NAMES = ("funded", "pledged", "settled", "in_flight", "paid", "remaining")


class MalformedTotals(ValueError):
    """The response does not have the form of `/v1/totals`."""


class PublishedTotals(NamedTuple):
    """Each campaign's published figures, and the head of the log that contains them."""

    size: int
    root: bytes
    campaigns: dict[str, dict[str, int]]


def parse_totals(body: bytes) -> PublishedTotals | None:
    """Return the totals; None while some of their figures are not in a checkpoint yet.

    Without campaigns, size 0 stands for any head: there is nothing to compare.
    Raises MalformedTotals if the response has another form.
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
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedTotals(f"the totals cannot be read: {error!r}") from None


def _parse_head(checkpoint: Any) -> tuple[int, bytes] | None:
    return None if checkpoint is None else (int(checkpoint["size"]), from_base64(checkpoint["root"]))


def _parse_figures(campaign: Mapping[str, Any]) -> dict[str, int]:
    later_names = [name for name in _LATER_LIKE_NAMES if name in campaign["likes"]]
    likes = {name: int(campaign["likes"][name]) for name in (*_LIKE_NAMES, *later_names)}
    return likes | {name: int(campaign["money"][name]["minor"]) for name in _MONEY_NAMES}


def find_difference(totals: PublishedTotals, replayed_figures: Mapping[str, Figures]) -> str | None:
    """Return the first figure that differs from the log, as text; None if all agree."""
    for slug in sorted(totals.campaigns.keys() | replayed_figures.keys()):
        if slug not in replayed_figures:
            return f"{slug} is in the totals but not in the log"
        if slug not in totals.campaigns:
            return f"{slug} is in the log but not in the totals"
        for name, figure in totals.campaigns[slug].items():
            if (replayed_figure := _replayed_figure(replayed_figures[slug], name)) not in (None, figure):
                return f"{slug}: {name} is published as {figure}, but the log gives {replayed_figure}"
    return None


def _replayed_figure(figures: Figures, name: str) -> int | None:
    """Return a figure of the log; None if its leaves do not say it."""
    figure: int | None = getattr(figures, f"{name}_minor" if name in _MONEY_NAMES else name)
    return figure
