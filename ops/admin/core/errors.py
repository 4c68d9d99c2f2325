"""Refusals of administration, besides those of the commands themselves.

RequestRefused
├── Forbidden             the role does not allow the request
├── IdempotencyKeyReused  the Idempotency-Key was used for another request
├── ProposalRefused       the proposal does not allow the decision
└── UploadRefused         the upload has ended
"""

from campaigns.errors import RequestRefused


class Forbidden(RequestRefused):
    """The role does not allow the request."""


class IdempotencyKeyReused(RequestRefused):
    """The Idempotency-Key was used for another request."""

    def __init__(self) -> None:
        super().__init__("idempotency_key_reused")


class ProposalRefused(RequestRefused):
    """The proposal does not allow the decision."""


class UploadRefused(RequestRefused):
    """The upload has ended."""
