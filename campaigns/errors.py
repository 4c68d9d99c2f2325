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


class Fault(NamedTuple):
    """One thing that is wrong: where (a dotted path, or a line of the file) and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class Refused(Exception):
    """What was asked for is refused."""


class Faulty(Refused):
    """What was sent is refused whole; `faults` names everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


class PromiseRefused(Faulty):
    """The promise is not one, or does not fit what was promised."""


class NotFound(Refused):
    """No campaign, platform, charity or sponsor has that name."""


class Closed(Refused):
    """The campaign is closed."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"the campaign {slug} is closed")


class FundingRefused(Refused):
    """The amount or its reference cannot be taken."""


class EnrolmentRefused(Refused):
    """The content belongs to another campaign, or is no content."""


class SettlingRefused(Refused):
    """No period of the campaign is named so."""


class TokenRefused(Refused):
    """The token is not that person's, or may not do it."""


class PlatformRefused(Refused):
    """The platform or its key cannot be taken."""


class RegisterRefused(Refused):
    """The charity or sponsor cannot be registered or changed so."""
