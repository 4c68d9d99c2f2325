"""What the administration of campaigns, platforms, charities and sponsors refuses.

    Refused               the message is one clear sentence for whoever asked
    ├── Faulty            what was sent is not what it should be: every fault's path and reason
    │   └── PromiseRefused  the promise is not one, or does not fit what was promised
    ├── NotFound          no campaign, platform, charity or sponsor has that name
    ├── Closed            the campaign is closed: it takes nothing more
    ├── FundingRefused    the amount or its reference cannot be taken
    ├── SettlingRefused   no period of the campaign is named so
    ├── EnrolmentRefused  the content belongs to another campaign, or is no content
    ├── TokenRefused      the token is not that person's, or may not do it
    ├── PlatformRefused   the platform or its key cannot be taken
    └── RegisterRefused   the charity or sponsor cannot be registered or changed so

Nothing is kept of what was refused: the caller's transaction is to be rolled back.
"""

from collections.abc import Sequence
from typing import NamedTuple


class FieldError(NamedTuple):
    """One thing that is wrong: where (a dotted path, or a line of the file) and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class RequestRefused(Exception):
    """What was asked for is refused."""


class ValidationFailed(RequestRefused):
    """What was sent is refused whole; `faults` names everything that is wrong with it."""

    def __init__(self, field_errors: Sequence[FieldError]) -> None:
        super().__init__("\n".join(map(str, field_errors)))
        self.field_errors = tuple(field_errors)


class PromiseRefused(ValidationFailed):
    """The promise is not one, or does not fit what was promised."""


class NotFound(RequestRefused):
    """No campaign, platform, charity or sponsor has that name."""


class CampaignClosed(RequestRefused):
    """The campaign is closed."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"the campaign {slug} is closed")


class FundingRefused(RequestRefused):
    """The amount or its reference cannot be taken."""


class EnrolmentRefused(RequestRefused):
    """The content belongs to another campaign, or is no content."""


class UnknownPeriod(RequestRefused):
    """No period of the campaign is named so."""


class TokenRefused(RequestRefused):
    """The token is not that person's, or may not do it."""


class PlatformRefused(RequestRefused):
    """The platform or its key cannot be taken."""


class RegisterRefused(RequestRefused):
    """The charity or sponsor cannot be registered or changed so."""
