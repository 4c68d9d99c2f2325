"""A proposal as JSON; account numbers are for finance and auditors."""

from typing_extensions import TypedDict

from campaigns.catalogue.account_mask import mask_change
from campaigns.promise.diff import diff_objects
from campaigns.stored_refusals import RefusalObject, refusal_object
from ops.admin.core.proposals import Proposal, ProposalState
from ops.i18n.changes import Difference, format_changes
from ops.i18n.stored_refusals import stored_refusal_text


class ProposalView(TypedDict):
    """A proposal: its author, its changes and its state.

    `decision_reason` holds a person's words, or says in English why it failed; `failure` says the
    latter by code.
    """

    proposal: str
    command: str
    subject: str
    approval_reason: str
    state: str
    asked_by: str
    asked_role: str
    asked_at: str
    decided_by: str | None
    decided_at: str | None
    decision_reason: str | None
    failure: RefusalObject | None
    due_at: str | None
    hash: str
    differences: list[Difference]


def proposal_view(proposal: Proposal, *, shows_accounts: bool = True) -> ProposalView:
    """Return a proposal as JSON, the same for author and approver but for account numbers. Pure."""
    is_decided = proposal.state is not ProposalState.PENDING
    changes = diff_objects(proposal.before, proposal.after, proposal.currency)
    return {
        "proposal": proposal.proposal_id,
        "command": proposal.command,
        "subject": proposal.subject,
        "approval_reason": proposal.approval_reason,
        "state": proposal.state.value,
        "asked_by": proposal.asked_by,
        "asked_role": proposal.asked_role,
        "asked_at": proposal.asked_at.isoformat(),
        "decided_by": proposal.by if is_decided else None,
        "decided_at": proposal.at.isoformat() if is_decided else None,
        "decision_reason": _decision_text(proposal),
        "failure": refusal_object(proposal.failure) if proposal.failure else None,
        "due_at": proposal.due_at.isoformat() if proposal.due_at else None,
        "hash": proposal.hash.hex(),
        "differences": format_changes(changes if shows_accounts else list(map(mask_change, changes))),
    }


def _decision_text(proposal: Proposal) -> str | None:
    """Return a person's words unchanged, and the reason of a failure in English."""
    if proposal.state is not ProposalState.FAILED or proposal.decision_reason is None:
        return proposal.decision_reason
    return stored_refusal_text(proposal.decision_reason, "en")
