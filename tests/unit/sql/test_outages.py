"""One classification of errors: which are outages of the database, and which are bugs."""

import socket
from typing import Any

import asyncpg
import pytest

from sql import Outage, find_outage, is_unavailable

SQLSTATES = {
    "08000": Outage.UNREACHABLE,
    "08006": Outage.UNREACHABLE,
    "25006": Outage.READ_ONLY,
    "25P03": Outage.BUSY,
    "25P04": Outage.BUSY,
    "40001": Outage.BUSY,
    "40003": Outage.BUSY,
    "40P01": Outage.BUSY,
    "53000": Outage.EXHAUSTED,
    "53100": Outage.EXHAUSTED,
    "53200": Outage.EXHAUSTED,
    "53300": Outage.EXHAUSTED,
    "53400": Outage.EXHAUSTED,
    "55P03": Outage.BUSY,
    "57014": Outage.BUSY,
    "57P01": Outage.UNREACHABLE,
    "57P02": Outage.UNREACHABLE,
    "57P03": Outage.UNREACHABLE,
    "57P04": Outage.UNREACHABLE,
    "57P05": Outage.UNREACHABLE,
    "58000": Outage.IO_ERROR,
    "58030": Outage.IO_ERROR,
    # Bugs, and states of the data:
    "22003": None,
    "23505": None,
    "23514": None,
    "25001": None,
    "25P02": None,
    "28000": None,
    "40002": None,
    "42501": None,
    "42703": None,
    "42P01": None,
    "55000": None,
    "58P01": None,
    "XX000": None,
    "XX001": None,
}
CLIENT_ERRORS = [
    (TimeoutError(), Outage.TIMEOUT),
    (ConnectionRefusedError(111, "refused"), Outage.UNREACHABLE),
    (ConnectionResetError(), Outage.UNREACHABLE),
    (OSError("Multiple exceptions: [Errno 111]"), Outage.UNREACHABLE),
    (socket.gaierror(-2, "Name or service not known"), Outage.UNREACHABLE),
    (asyncpg.ConnectionDoesNotExistError(), Outage.UNREACHABLE),
    (asyncpg.InterfaceError("connection is closed"), Outage.UNREACHABLE),
    (asyncpg.InternalClientError("unexpected message"), Outage.UNREACHABLE),
    (asyncpg.TargetServerAttributeNotMatched("no primary"), Outage.UNREACHABLE),
    (asyncpg.InvalidCachedStatementError("cached plan must not change result type"), Outage.BUSY),
    # Bugs and wrong settings:
    (asyncpg.ClientConfigurationError("not an address"), None),
    (asyncpg.exceptions._base.DataError("value out of int64 range"), None),
    (asyncpg.UnsupportedClientFeatureError("no"), None),
    (FileNotFoundError(2, "No such file", "page.html"), None),
    (KeyError("x"), None),
    (None, None),
]


@pytest.mark.parametrize(("sqlstate", "outage"), SQLSTATES.items())
def test_the_code_of_the_server_decides(sqlstate: str, outage: Outage | None) -> None:
    assert find_outage(server_error(sqlstate, "ERROR")) is outage


@pytest.mark.parametrize("severity", ["FATAL", "PANIC"])
@pytest.mark.parametrize("sqlstate", ["28P01", "3D000", "55000", "XX000"])
def test_an_error_that_ends_the_session_is_an_outage_whatever_its_code(sqlstate: str, severity: str) -> None:
    assert find_outage(server_error(sqlstate, severity)) is Outage.UNREACHABLE


def test_a_fatal_error_keeps_the_outage_of_its_code() -> None:
    assert find_outage(server_error("53300", "FATAL")) is Outage.EXHAUSTED


@pytest.mark.parametrize(("error", "outage"), CLIENT_ERRORS, ids=lambda case: type(case).__name__)
def test_the_kind_of_a_client_error_decides(error: Any, outage: Outage | None) -> None:
    assert (find_outage(error), is_unavailable(error)) == (outage, outage is not None)


def test_a_group_is_an_outage_if_each_of_its_errors_is() -> None:
    outages = ExceptionGroup("all", [TimeoutError(), ExceptionGroup("two", [server_error("53100", "ERROR")])])
    assert find_outage(outages) is Outage.TIMEOUT
    assert find_outage(ExceptionGroup("one bug", [TimeoutError(), KeyError("x")])) is None


def server_error(sqlstate: str, severity: str) -> asyncpg.PostgresError:
    """Return the error that asyncpg makes of a message of the server."""
    fields = {"C": sqlstate, "S": severity, "V": severity, "M": "what happened"}
    return asyncpg.PostgresError.new(fields)
