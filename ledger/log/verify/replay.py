"""Leaves in, figures out: counts → due → pledged → settled → paid, from nothing but the log.

Each leaf is held to all that came before it; the first that cannot be so is named, with the reason.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.log.leaf_schemas import Wrong, read_leaf
from ledger.log.verify.arithmetic import WHOLE_BP, Reckoning, Version
from ledger.log.verify.balances import Money
from ledger.log.verify.seen_ids import BATCH_MAX, Batches
from ledger.log.verify.settlements import Envelopes

_COUNTS = ("counted", "withdrawn", "void")
_PROMISED_ONCE = ("campaign", "settlement", "agreement")  # sections of a promise that new terms cannot change


class WrongLeaf(Exception):
    """A leaf that cannot be so, by its place in the log and the reason."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"leaf {index}: {reason}")
        self.index = index
        self.reason = reason


class Figures(NamedTuple):
    """What a campaign's leaves add up to; money in minor units."""

    counted: int
    withdrawn: int
    void: int
    funded_minor: int
    pledged_minor: int
    settled_minor: int
    in_flight_minor: int
    paid_minor: int

    @property
    def remaining_minor(self) -> int:
        """Funded less pledged."""
        return self.funded_minor - self.pledged_minor


@dataclass
class _Campaign:
    """One campaign as far as the log has told of it."""

    promised: dict[str, Any]  # the sections that never change
    currency: str
    floor_minor: int
    reckoning: Reckoning = field(default_factory=Reckoning)
    versions: int = 0
    days: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    counted: int = 0
    batched: int = 0  # likes with a leaf in a batch that was told
    closed: bool = False
    unbalanced_since: int | None = None  # the leaf after which due and pledged differ


class Replay:
    """The whole log so far. Memory grows with campaigns, days and payouts, not with leaves."""

    def __init__(self) -> None:
        self.size = 0
        self._campaigns: dict[str, _Campaign] = {}
        self._money, self._envelopes, self._batches = Money(), Envelopes(), Batches()

    def add(self, entry: bytes) -> None:
        """Take the next leaf. Raises WrongLeaf."""
        try:
            leaf = read_leaf(entry)
            getattr(self, f"_{leaf['kind']}")(leaf)
            self._weigh(self._campaigns[leaf["campaign"]])
        except Wrong as fault:
            raise WrongLeaf(self.size, str(fault)) from None
        self.size += 1

    def settle(self) -> None:
        """Hold the campaigns to what must be so wherever the log is signed. Raises WrongLeaf."""
        since = {c.unbalanced_since: slug for slug, c in self._campaigns.items() if c.unbalanced_since is not None}
        if since:
            first = min(since)
            raise WrongLeaf(first, self._why(since[first]))
        if differences := self._envelopes.differences(self._money):
            raise WrongLeaf(self.size - 1, differences[0])

    def figures(self) -> dict[str, Figures]:
        """Return every campaign's figures as they stand."""
        return {slug: self._figures(slug, campaign) for slug, campaign in self._campaigns.items()}

    def _figures(self, slug: str, campaign: _Campaign) -> Figures:
        moved = {step: self._money.moved[step, slug, ""] for step in ("fund", "pledge", "settle", "send", "confirm")}
        counted, withdrawn, void = (sum(counts[n] for counts in campaign.days.values()) for n in range(3))
        in_flight = moved["send"] - moved["confirm"]
        money = moved["fund"], moved["pledge"], moved["settle"], in_flight, moved["confirm"]
        return Figures(counted, withdrawn, void, *money)

    # --- each kind of leaf ---

    def _terms(self, leaf: dict[str, Any]) -> None:
        slug, promise = leaf["campaign"], leaf["promise"]
        fixed = {name: promise.get(name) for name in _PROMISED_ONCE}
        try:
            version = _version(leaf)
            own = fixed["campaign"]
            made = _Campaign(fixed, str(own["currency"]), int(own["floor_minor"]))
        except (KeyError, TypeError, ValueError) as fault:
            raise Wrong(f"the promise is not one: {fault!r}") from None
        campaign = self._campaigns.setdefault(slug, made)
        if own.get("slug") != slug or campaign.promised != fixed:
            raise Wrong(f"what {slug} promised for good is another now")
        if version.number != campaign.versions + 1:
            raise Wrong(f"version {version.number} of the terms comes after {campaign.versions}")
        changed = [day for day, counts in campaign.days.items() if day >= version.from_day and counts[0]]
        if changed:
            raise Wrong(f"these terms hold from {version.from_day}, when likes of {min(changed)} counted already")
        campaign.versions = version.number
        campaign.reckoning.promise(version)

    def _count(self, leaf: dict[str, Any]) -> None:
        campaign = self._known(leaf)
        for number, size, _ in leaf["batches"]:
            if number > BATCH_MAX or not self._batches.add(number):
                raise Wrong(f"the batch {number} was told before, or has no number that a batch can have")
            campaign.batched += size
        for told in leaf["days"]:
            self._day(campaign, told["day"], tuple(told[name] for name in _COUNTS))
        if campaign.counted > campaign.batched:
            raise Wrong(f"{campaign.counted} likes count, and the batches hold {campaign.batched}")

    def _day(self, campaign: _Campaign, day: str, counts: tuple[int, ...]) -> None:
        if not campaign.reckoning.covers(day):
            raise Wrong(f"likes of {day}, when no terms were in force")
        campaign.counted += counts[0] - campaign.days.get(day, (0,))[0]
        campaign.days[day] = counts[0], counts[1], counts[2]
        campaign.reckoning.count(day, counts[0])

    def _transfer(self, leaf: dict[str, Any]) -> None:
        campaign = self._known(leaf)
        if leaf["currency"] != campaign.currency:
            raise Wrong(f"{leaf['currency']} moves, the promise is in {campaign.currency}")
        self._money.transfer(leaf)
        if leaf["step"] == "pledge" and leaf["corrects"] is None:
            self._refuse_unearned(leaf["campaign"], campaign)

    def _refuse_unearned(self, slug: str, campaign: _Campaign) -> None:
        funded_minor, pledged = self._money.moved["fund", slug, ""], self._money.moved["pledge", slug, ""]
        due = campaign.reckoning.due(funded_minor)
        if pledged > max(due, min(campaign.floor_minor, funded_minor)):
            raise Wrong(f"{pledged} minor units are pledged, and the likes counted so far make {due} due")

    def _settlement(self, leaf: dict[str, Any]) -> None:
        campaign = self._known(leaf)
        slug = leaf["campaign"]
        funded_minor = self._money.moved["fund", slug, ""]
        due = campaign.reckoning.due(funded_minor)
        topped_up = max(0, min(self._money.moved["pledge", slug, ""], campaign.floor_minor) - due)
        self._envelopes.settlement(leaf, campaign.reckoning, self._money, topped_up)

    def _payout(self, leaf: dict[str, Any]) -> None:
        self._known(leaf)
        self._envelopes.payout(leaf, self._money)

    def _note(self, leaf: dict[str, Any]) -> None:
        campaign = self._known(leaf)
        if leaf["about"] == "closed":
            if campaign.closed:
                raise Wrong("the campaign was closed before")
            campaign.closed = True

    def _known(self, leaf: dict[str, Any]) -> _Campaign:
        campaign = self._campaigns.get(leaf["campaign"])
        if campaign is None:
            raise Wrong(f"{leaf['campaign']} was never promised")
        return campaign

    # --- due and pledged ---

    def _weigh(self, campaign: _Campaign) -> None:
        """Remember since which leaf a campaign's pledge is not what is due; a tick mends it with its next leaf."""
        if self._is_balanced(campaign):
            campaign.unbalanced_since = None
        elif campaign.unbalanced_since is None:
            campaign.unbalanced_since = self.size

    def _is_balanced(self, campaign: _Campaign) -> bool:
        slug = campaign.promised["campaign"]["slug"]
        funded_minor, pledged = self._money.moved["fund", slug, ""], self._money.moved["pledge", slug, ""]
        wanted = self._wanted(campaign, funded_minor)
        return pledged == wanted or (pledged > wanted and not self._money.balances["pledged", slug, ""])

    def _wanted(self, campaign: _Campaign, funded_minor: int) -> int:
        floor = min(campaign.floor_minor, funded_minor) if campaign.closed else 0
        return max(campaign.reckoning.due(funded_minor), floor)

    def _why(self, slug: str) -> str:
        funded_minor, pledged = self._money.moved["fund", slug, ""], self._money.moved["pledge", slug, ""]
        wanted = self._wanted(self._campaigns[slug], funded_minor)
        return (
            f"from here on {slug} is to pledge {wanted} minor units, it pledges {pledged}, and no later leaf mends it"
        )


def _version(leaf: dict[str, Any]) -> Version:
    terms = leaf["promise"]["terms"]
    rate, shares = terms["rate"], [(b["charity"], b["share_bp"]) for b in terms["beneficiaries"]]
    numbers = [rate["amount_minor"], rate["per_likes"], terms.get("daily_cap_minor", 1), *(bp for _, bp in shares)]
    if not all(type(n) is int and n > 0 for n in numbers) or sum(bp for _, bp in shares) != WHOLE_BP:
        raise ValueError("a rate, cap or share is no positive number, or the shares make no whole")
    cap_minor = terms.get("daily_cap_minor")
    return Version(
        leaf["version"], leaf["from_day"], rate["amount_minor"], rate["per_likes"], cap_minor, tuple(shares)
    )
