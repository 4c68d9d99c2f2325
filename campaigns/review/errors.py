"""What review refuses."""

from campaigns.errors import RequestRefused


class ReviewRefused(RequestRefused):
    """The case does not allow the step."""
