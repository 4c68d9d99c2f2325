"""What administration refuses, beside what the commands themselves do.

Refused
├── Forbidden         the role may not do that
├── KeyTaken          the Idempotency-Key was used before, for something else
├── ProposalRefused   the proposal cannot be decided so
└── UploadRefused     the upload has ended
"""

from campaigns.errors import Refused


class Forbidden(Refused):
    """The role may not do that."""


class KeyTaken(Refused):
    """The Idempotency-Key was used before, for something else."""


class ProposalRefused(Refused):
    """The proposal cannot be decided so."""


class UploadRefused(Refused):
    """The upload has ended."""
