"""What administration refuses, beside what the commands themselves do.

Refused
├── Forbidden         the role may not do that
├── KeyTaken          the Idempotency-Key was used before, for something else
├── ProposalRefused   the proposal cannot be decided so
└── UploadRefused     the upload has ended
"""

from campaigns.errors import RequestRefused


class Forbidden(RequestRefused):
    """The role may not do that."""


class IdempotencyKeyReused(RequestRefused):
    """The Idempotency-Key was used before, for something else."""


class ProposalRefused(RequestRefused):
    """The proposal cannot be decided so."""


class UploadRefused(RequestRefused):
    """The upload has ended."""
