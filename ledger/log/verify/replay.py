"""Replay the log's leaves into figures: counts → due → pledged → settled → paid.

Each leaf is checked against all leaves before it; the first invalid one is reported with a reason.
"""

from typing import Any, NamedTuple

from ledger.log.leaf_schemas import InvalidLeaf, read_leaf
from ledger.log.verify.arithmetic import WHOLE_BP, TermsVersion
from ledger.log.verify.balances import Balances
from ledger.log.verify.campaign import CampaignState
from ledger.log.verify.seen_ids import BATCH_MAX, BatchBitmap
from ledger.log.verify.settlements import Settlements

_IMMUTABLE_SECTIONS = ("campaign", "settlement", "agreement")  # sections of a promise that new terms cannot change
_LATER_SECTIONS = ("authenticity",)  # immutable too; promises of older versions lack them


class RejectedLeaf(Exception):
    """An invalid leaf: its index in the log and the reason."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"leaf {index}: {reason}")
        self.index = index
        self.reason = reason


class Figures(NamedTuple):
    """The sums of a campaign's leaves; money in minor units.

    `quarantined` and `low_quality` are None while the newest leaf of some day is of version 1.
    """

    counted: int
    withdrawn: int
    void: int
    funded_minor: int
    pledged_minor: int
    settled_minor: int
    in_flight_minor: int
    paid_minor: int
    quarantined: int | None = None
    low_quality: int | None = None

    @property
    def remaining_minor(self) -> int:
        """Funded less pledged, in minor units."""
        return self.funded_minor - self.pledged_minor


class Replay:
    """The state after all leaves so far. Memory grows with campaigns, days and payouts only."""

    def __init__(self) -> None:
        self.size = self._succession_count = 0
        self._campaigns: dict[str, CampaignState] = {}
        self._balances, self._settlements, self._batches = Balances(), Settlements(), BatchBitmap()

    def add_leaf(self, entry: bytes) -> None:
        """Apply the next leaf.

        Raises RejectedLeaf if it is malformed or contradicts the leaves before it.
        """
        try:
            leaf = read_leaf(entry)
            if leaf["kind"] == "succession":
                self._add_succession()
            else:
                getattr(self, f"_{leaf['kind']}")(leaf)
                self._track_balance(self._campaigns[leaf["campaign"]])
        except InvalidLeaf as error:
            raise RejectedLeaf(self.size, str(error)) from None
        self.size += 1

    def _add_succession(self) -> None:
        if self.size != self._succession_count:
            raise InvalidLeaf("a log names the log that it succeeds in its first leaf, not later")
        self._succession_count += 1

    def require_balanced(self) -> None:
        """Check the rules that hold at every signed head: pledged is due, payouts match transfers.

        Raises RejectedLeaf with the leaf that broke a rule.
        """
        imbalances = {
            c.unbalanced_since: slug for slug, c in self._campaigns.items() if c.unbalanced_since is not None
        }
        if imbalances:
            first = min(imbalances)
            raise RejectedLeaf(first, self._explain_imbalance(imbalances[first]))
        differences = self._settlements.find_differences(self._balances)
        for slug, campaign in sorted(self._campaigns.items()):
            if difference := campaign.find_verdict_difference():
                differences.append(f"{slug}: {difference}")
        if differences:
            raise RejectedLeaf(self.size - 1, differences[0])

    def figures(self) -> dict[str, Figures]:
        """Return the current figures of every campaign."""
        return {slug: self._campaign_figures(slug, campaign) for slug, campaign in self._campaigns.items()}

    def _moved_minor(self, step: str, slug: str) -> int:
        return self._balances.net_moved_minor[step, slug, ""]

    def _campaign_figures(self, slug: str, campaign: CampaignState) -> Figures:
        moved = {step: self._moved_minor(step, slug) for step in ("fund", "pledge", "settle", "send", "confirm")}
        likes = campaign.sum_days()
        in_flight = moved["send"] - moved["confirm"]
        money = moved["fund"], moved["pledge"], moved["settle"], in_flight, moved["confirm"]
        is_known = None not in likes
        uncounted = (likes.quarantined, likes.low_quality) if is_known else (None, None)
        return Figures(*likes[:3], *money, *uncounted)

    # --- each kind of leaf ---

    def _terms(self, leaf: dict[str, Any]) -> None:
        slug, promise = leaf["campaign"], leaf["promise"]
        immutable_part = {name: promise.get(name) for name in _IMMUTABLE_SECTIONS + _LATER_SECTIONS}
        try:
            version = _parse_terms(leaf)
            campaign_section = immutable_part["campaign"]
            new_campaign = CampaignState(
                immutable_part,
                str(campaign_section["currency"]),
                int(campaign_section["floor_minor"]),
                has_leaf_for_every_like=immutable_part["authenticity"] is not None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidLeaf(f"the promise is malformed: {error!r}") from None
        campaign = self._campaigns.setdefault(slug, new_campaign)
        if campaign_section.get("slug") != slug or not _keeps_promise(campaign.immutable_part, immutable_part):
            raise InvalidLeaf(f"the immutable part of the promise of {slug} has changed")
        campaign.immutable_part = immutable_part
        if version.number != campaign.version_count + 1:
            raise InvalidLeaf(f"version {version.number} of the terms follows version {campaign.version_count}")
        changed = [day for day, counts in campaign.days.items() if day >= version.from_day and counts.counted]
        if changed:
            raise InvalidLeaf(
                f"the terms start on {version.from_day}, but likes of {min(changed)} were already counted"
            )
        campaign.version_count = version.number
        campaign.earnings.add_terms(version)

    def _count(self, leaf: dict[str, Any]) -> None:
        campaign = self._require_campaign(leaf)
        for number, size, _ in leaf["batches"]:
            if number > BATCH_MAX or not self._batches.add(number):
                raise InvalidLeaf(f"batch {number} was logged before, or its number is out of range")
            campaign.batched_likes += size
        for row in leaf["days"]:
            campaign.set_day(row)
        campaign.verdicts.add_count()
        campaign.check_batches()

    def _transfer(self, leaf: dict[str, Any]) -> None:
        campaign = self._require_campaign(leaf)
        if leaf["currency"] != campaign.currency:
            raise InvalidLeaf(f"the transfer is in {leaf['currency']}, but the promise is in {campaign.currency}")
        self._balances.add_transfer(leaf)
        if leaf["step"] == "pledge" and leaf["corrects"] is None:
            self._refuse_unearned(leaf["campaign"], campaign)

    def _refuse_unearned(self, slug: str, campaign: CampaignState) -> None:
        funded_minor, pledged_minor = self._moved_minor("fund", slug), self._moved_minor("pledge", slug)
        due_minor = campaign.earnings.due_minor(funded_minor)
        if pledged_minor > max(due_minor, min(campaign.floor_minor, funded_minor)):
            raise InvalidLeaf(
                f"{pledged_minor} minor units are pledged, but the likes counted so far make {due_minor} due"
            )

    def _settlement(self, leaf: dict[str, Any]) -> None:
        campaign = self._require_campaign(leaf)
        slug = leaf["campaign"]
        funded_minor = self._moved_minor("fund", slug)
        due_minor = campaign.earnings.due_minor(funded_minor)
        topped_up_minor = max(0, min(self._moved_minor("pledge", slug), campaign.floor_minor) - due_minor)
        self._settlements.add_settlement(leaf, campaign.earnings, self._balances, topped_up_minor)

    def _payout(self, leaf: dict[str, Any]) -> None:
        self._require_campaign(leaf)
        self._settlements.add_payout(leaf, self._balances)

    def _note(self, leaf: dict[str, Any]) -> None:
        campaign = self._require_campaign(leaf)
        if leaf["about"] == "closed":
            if campaign.is_closed:
                raise InvalidLeaf("the campaign is already closed")
            campaign.is_closed = True

    def _ruleset(self, leaf: dict[str, Any]) -> None:
        campaign = self._require_campaign(leaf)
        if leaf["version"] <= (newest := max(campaign.rulesets, default=0)):
            raise InvalidLeaf(f"version {leaf['version']} of the ruleset is not after version {newest}")
        campaign.rulesets.add(leaf["version"])

    def _verdicts(self, leaf: dict[str, Any]) -> None:
        campaign = self._require_campaign(leaf)
        if leaf["ruleset"] not in campaign.rulesets:
            raise InvalidLeaf(f"version {leaf['ruleset']} of the ruleset was not logged before")
        if uncovered := [row["day"] for row in leaf["days"] if not campaign.earnings.covers(row["day"])]:
            raise InvalidLeaf(f"verdicts about {min(uncovered)}, but no terms were in force")
        if difference := campaign.find_verdict_difference():
            raise InvalidLeaf(f"before this leaf {difference}")
        campaign.verdicts.add_verdicts(leaf)

    def _require_campaign(self, leaf: dict[str, Any]) -> CampaignState:
        campaign = self._campaigns.get(leaf["campaign"])
        if campaign is None:
            raise InvalidLeaf(f"campaign {leaf['campaign']} has no terms yet")
        return campaign

    # --- due and pledged ---

    def _track_balance(self, campaign: CampaignState) -> None:
        """Record since when pledged differs from due; the next tick's leaf may correct it."""
        if self._is_balanced(campaign):
            campaign.unbalanced_since = None
        elif campaign.unbalanced_since is None:
            campaign.unbalanced_since = self.size

    def _is_balanced(self, campaign: CampaignState) -> bool:
        slug = campaign.immutable_part["campaign"]["slug"]
        funded_minor, pledged_minor = self._moved_minor("fund", slug), self._moved_minor("pledge", slug)
        due_minor = self._pledge_due_minor(campaign, funded_minor)
        return pledged_minor == due_minor or (
            pledged_minor > due_minor and not self._balances.by_account["pledged", slug, ""]
        )

    def _pledge_due_minor(self, campaign: CampaignState, funded_minor: int) -> int:
        floor_minor = min(campaign.floor_minor, funded_minor) if campaign.is_closed else 0
        return max(campaign.earnings.due_minor(funded_minor), floor_minor)

    def _explain_imbalance(self, slug: str) -> str:
        funded_minor, pledged_minor = self._moved_minor("fund", slug), self._moved_minor("pledge", slug)
        due_minor = self._pledge_due_minor(self._campaigns[slug], funded_minor)
        return (
            f"from this leaf on {slug} must have pledged {due_minor} minor units; it has pledged {pledged_minor},"
            " and no later leaf corrects this"
        )


def _keeps_promise(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Return whether no immutable section has changed; one that came later may be added once."""
    may_be_added = {name for name in _LATER_SECTIONS if before[name] is None}
    return all(before[name] == after[name] for name in before.keys() - may_be_added)


def _parse_terms(leaf: dict[str, Any]) -> TermsVersion:
    terms = leaf["promise"]["terms"]
    rate, shares = terms["rate"], [(b["charity"], b["share_bp"]) for b in terms["beneficiaries"]]
    numbers = [rate["amount_minor"], rate["per_likes"], terms.get("daily_cap_minor", 1), *(bp for _, bp in shares)]
    if not all(type(n) is int and n > 0 for n in numbers) or sum(bp for _, bp in shares) != WHOLE_BP:
        raise ValueError("a rate, cap or share is not a positive integer, or the shares do not total 10000 bp")
    cap_minor = terms.get("daily_cap_minor")
    return TermsVersion(
        leaf["version"], leaf["from_day"], rate["amount_minor"], rate["per_likes"], cap_minor, tuple(shares)
    )
