"""Decisions about proposals: who may decide, and what a failed proposal shows."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.errors import CampaignClosed
from campaigns.stored_refusals import encode_refusal, refusal_object
from ops.admin.core.actor import OPERATOR, Actor
from ops.admin.core.proposals import REASON_CHARS_MAX, Proposal, ProposalState
from ops.admin.resources.proposal_views import proposal_view
from ops.admin.resources.proposals import decision_blocker

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FAY, FRED = Actor("fay", "finance", "http"), Actor("fred", "finance", "page")


def proposal(state: ProposalState, reason: str | None = None) -> Proposal:
    """Return a proposal of fay."""
    command = ("prp_1", "campaign.fund", "forest", b"{}", "campaign/forest", "more to be paid by the sponsor", "CNY")
    author = ("fay", "finance", NOW)
    return Proposal(
        *command, None, {"funded_minor": 5}, bytes(32), timedelta(0), *author, 1, state, "fay", reason, NOW
    )


@pytest.mark.parametrize(
    ("actor", "state", "code"),
    [
        (FRED, ProposalState.PENDING, None),
        (FAY, ProposalState.PENDING, "proposal_by_same_person"),
        (FAY, ProposalState.DONE, "proposal_by_same_person"),
        (OPERATOR, ProposalState.PENDING, "approval_needs_personal_token"),
        (FRED, ProposalState.APPROVED, "proposal_already_decided"),
        (FRED, ProposalState.WITHDRAWN, "proposal_already_decided"),
    ],
)
def test_another_person_decides_a_pending_proposal(actor: Actor, state: ProposalState, code: str | None) -> None:
    blocker = decision_blocker(proposal(state), actor)
    assert (blocker and blocker.code) == code


def test_a_failed_proposal_shows_its_refusal_in_words_and_by_code() -> None:
    stored = encode_refusal(CampaignClosed("forest"), REASON_CHARS_MAX)
    view = proposal_view(proposal(ProposalState.FAILED, stored))
    assert view["decision_reason"] == "The campaign forest is closed."
    assert view["failure"] == refusal_object(CampaignClosed("forest"))


@pytest.mark.parametrize(
    ("state", "reason"),
    [(ProposalState.FAILED, "it is disabled"), (ProposalState.REFUSED, '{"code": "x", "params": {}}')],
    ids=["of an old release", "by a person"],
)
def test_other_reasons_are_shown_unchanged(state: ProposalState, reason: str) -> None:
    view = proposal_view(proposal(state, reason))
    assert (view["decision_reason"], view["failure"]) == (reason, None)
