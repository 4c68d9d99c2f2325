"""Collect the errors of independent pieces of work.

All pieces run, then the errors are raised together.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class ErrorCollector:
    """The errors of a job with many independent pieces of work."""

    errors: list[Exception] = field(default_factory=list)

    @contextmanager
    def isolate(self) -> Iterator[None]:
        """Keep an error of the `with` block from the work after it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised with the others
            self.errors.append(error)

    def raise_if_any(self, message: str) -> None:
        """Raise ExceptionGroup with all errors, if there are any."""
        if self.errors:
            raise ExceptionGroup(message, self.errors)
