"""Errors of the database that say nothing about the request: the one classification, by SQLSTATE.

The codes: https://www.postgresql.org/docs/current/errcodes-appendix.html. Everything else is a bug.
"""

from enum import Enum

import asyncpg


class Outage(Enum):
    """Why the database could not do its work; the same work may succeed later."""

    UNREACHABLE = "The database is unreachable, or it refuses a session."
    TIMEOUT = "The database does not answer in time."
    READ_ONLY = "The database accepts no writes: it is read-only."
    EXHAUSTED = "The database has no disk space, memory or connection left."
    IO_ERROR = "The database cannot read or write its disk."
    BUSY = "The database cancelled the work: a lock, a time limit or a conflict."

    @property
    def code(self) -> str:
        """The stable name that programs, metrics and log lines use."""
        return self.name.lower()


# A code of five characters comes before its class of two.
_OUTAGES_BY_SQLSTATE = {
    "08": Outage.UNREACHABLE,
    "53": Outage.EXHAUSTED,
    "57": Outage.UNREACHABLE,
    "57014": Outage.BUSY,  # query_canceled: a time limit of the server, or an administrator
    "25006": Outage.READ_ONLY,
    "58000": Outage.IO_ERROR,
    "58030": Outage.IO_ERROR,
    "55P03": Outage.BUSY,  # lock_not_available
    "25P03": Outage.BUSY,  # idle_in_transaction_session_timeout
    "25P04": Outage.BUSY,  # transaction_timeout
    "40001": Outage.BUSY,  # serialization_failure
    "40003": Outage.BUSY,  # statement_completion_unknown
    "40P01": Outage.BUSY,  # deadlock_detected
}
_FATAL_SEVERITIES = ("FATAL", "PANIC")  # they end the session

# Errors of a race with another transaction: the same transaction may be repeated at once.
CONFLICT_ERRORS = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InvalidCachedStatementError,  # a migration changed a table since the statement was prepared
)

# The caller gave asyncpg a wrong argument or address (a ValueError), or uses what it cannot do: a bug, or a setting.
_WRONG_USES = (ValueError, asyncpg.UnsupportedClientFeatureError, asyncpg.UnsupportedServerFeatureError)


def find_outage(error: BaseException | None) -> Outage | None:
    """Return the outage that an error reports; None for a bug. Pure.

    A group of errors reports its first, if each of them reports an outage.
    """
    if isinstance(error, BaseExceptionGroup):
        outages = [find_outage(member) for member in error.exceptions]
        return None if None in outages else outages[0]
    if isinstance(error, asyncpg.PostgresError):
        return _server_outage(error)
    if isinstance(error, TimeoutError):
        return Outage.TIMEOUT
    return Outage.UNREACHABLE if _is_connection_loss(error) else None


def is_unavailable(error: BaseException | None) -> bool:
    """Return whether an error reports an outage of the database. Pure."""
    return find_outage(error) is not None


def _server_outage(error: asyncpg.PostgresError) -> Outage | None:
    """Return the outage that the server reports. An error that ends the session is one, whatever its code."""
    sqlstate = error.sqlstate or ""
    outage = _OUTAGES_BY_SQLSTATE.get(sqlstate) or _OUTAGES_BY_SQLSTATE.get(sqlstate[:2])
    if outage is None and isinstance(error, asyncpg.InvalidCachedStatementError):
        return Outage.BUSY
    if outage is None and getattr(error, "severity_en", None) in _FATAL_SEVERITIES:
        return Outage.UNREACHABLE
    return outage


def _is_connection_loss(error: BaseException | None) -> bool:
    """Return whether asyncpg or the system lost the connection.

    asyncpg raises a bare OSError if no address of a host answers. The error of a file names the file, and a
    library's subclass of OSError has no number of the system.
    """
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        return error.filename is None and (type(error) is OSError or error.errno is not None)
    if isinstance(error, _WRONG_USES):
        return False
    # InternalClientError: the connection broke between two protocol messages.
    return isinstance(error, ConnectionError | asyncpg.InterfaceError | asyncpg.InternalClientError)
