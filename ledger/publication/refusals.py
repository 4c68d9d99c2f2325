"""Refusals of the public log."""

from ledger.errors import LedgerError


class LogRefused(LedgerError):
    """The database has no log, or the log of another key, or a file of it is missing."""


class SigningRefused(LogRefused):
    """The database may have lost signed leaves, so the log must not be signed further."""


class BrokenTree(Exception):
    """The stored tiles do not give the head's root; nothing is appended or signed."""
