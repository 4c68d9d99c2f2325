"""What judging refuses."""

from campaigns.errors import RequestRefused


class JudgingRefused(RequestRefused):
    """The likes cannot be judged, so nothing is decided and settlements wait."""


class RuleFailure(JudgingRefused):
    """A rule failed, or the engine that runs them: `rule` is its id, or `engine`."""

    def __init__(self, slug: str, rule: str) -> None:
        super().__init__("judging_failed", slug=slug, rule=rule)
        self.rule = rule


class SettlementWaits(RequestRefused):
    """A settlement waits for people: they decide its cases first."""


class CampaignHasOpenCases(RequestRefused):
    """The campaign cannot close before its cases are decided, or their due date is over."""
