"""The table of statuses: which error becomes which problem, and what its body says."""

import json
import socket

import asyncpg
import jinja2
import pytest
from aiohttp import web

from campaigns.errors import CampaignClosed, FieldError, NotFound, PromiseRefused, ValidationFailed
from campaigns.intake.payload import InvalidEnvelope, UnreadableBody
from campaigns.intake.queue import DatabaseUnavailable, QueueFull
from ledger.errors import IdempotencyKeyConflict
from ops.admin.core.errors import Forbidden, IdempotencyKeyReused
from ops.http.core.authentication import InvalidCredentials, RateLimited
from ops.http.core.problems import Problem, RequestProblem, error_response, find_problem
from ops.http.core.snapshots import SnapshotTooOld
from ops.i18n.refusals import refusal_catalogue

SENTENCES = refusal_catalogue()
MISSING = FieldError("terms.rate", "missing")
CASES = [
    (Forbidden("not_for_role", role="auditor"), Problem.FORBIDDEN, 403),
    (NotFound("campaign_not_found", slug="x"), Problem.NOT_FOUND, 404),
    (IdempotencyKeyReused(), Problem.IDEMPOTENCY_KEY_CONFLICT, 409),
    (ValidationFailed([MISSING]), Problem.VALIDATION_FAILED, 422),
    (PromiseRefused([MISSING]), Problem.VALIDATION_FAILED, 422),
    (CampaignClosed("x"), Problem.CONFLICT, 409),
    (IdempotencyKeyConflict("key", "amount"), Problem.CONFLICT, 409),
    (InvalidCredentials(), Problem.INVALID_TOKEN, 401),
    (RateLimited(), Problem.RATE_LIMITED, 429),
    (UnreadableBody(), Problem.INVALID_JSON, 400),
    (InvalidEnvelope([MISSING]), Problem.MALFORMED_ENVELOPE, 422),
    (QueueFull(), Problem.QUEUE_FULL, 503),
    (DatabaseUnavailable(), Problem.DATABASE_UNAVAILABLE, 503),
    (asyncpg.ConnectionDoesNotExistError(), Problem.DATABASE_UNAVAILABLE, 503),
    (TimeoutError(), Problem.DATABASE_UNAVAILABLE, 503),
    (ConnectionRefusedError(111, "refused"), Problem.DATABASE_UNAVAILABLE, 503),
    (OSError("Multiple exceptions: [Errno 111]"), Problem.DATABASE_UNAVAILABLE, 503),
    (socket.gaierror(-2, "Name or service not known"), Problem.DATABASE_UNAVAILABLE, 503),
    (SnapshotTooOld(), Problem.FIGURES_UNAVAILABLE, 503),
    (web.HTTPNotFound(), Problem.NOT_FOUND, 404),
    (web.HTTPMethodNotAllowed("POST", ["GET"]), Problem.METHOD_NOT_ALLOWED, 405),
    (web.HTTPRequestEntityTooLarge(1, 2), Problem.TOO_LARGE, 413),
    (RequestProblem(Problem.TOO_MANY_STREAMS), Problem.TOO_MANY_STREAMS, 503),
]


@pytest.mark.parametrize(("error", "problem", "status"), CASES, ids=lambda case: type(case).__name__)
def test_each_error_has_one_problem_and_status(error: Exception, problem: Problem, status: int) -> None:
    response = error_response(error)
    assert (find_problem(error), response.status) == (problem, status)
    assert (response.content_type, json.loads(response.body)["type"]) == (
        "application/problem+json",
        f"urn:like-ledger:problem:{problem.slug}",
    )


@pytest.mark.parametrize(
    "bug",
    [
        KeyError("x"),
        ValueError("x"),
        web.HTTPFound("/"),
        FileNotFoundError(2, "No such file", "page.html"),
        jinja2.TemplateNotFound("page.html"),
    ],
)
def test_a_bug_has_no_problem(bug: Exception) -> None:
    assert find_problem(bug) is None
    with pytest.raises(type(bug)):
        error_response(bug)


def test_a_refusal_replaces_the_code_and_adds_its_params() -> None:
    body = json.loads(error_response(CampaignClosed("forest")).body)
    assert (body["code"], body["params"]) == ("campaign_closed", {"slug": "forest"})
    assert body["detail"] == "The campaign forest is closed."


def test_each_fault_has_path_code_params_and_reason() -> None:
    error = ValidationFailed([MISSING, FieldError("title", "string_too_long", {"max_length": 90})])
    body = json.loads(error_response(error).body)
    assert (body["code"], "params" in body) == ("validation_failed", False)
    assert body["faults"] == [
        {"path": "terms.rate", "code": "missing", "params": {}, "reason": SENTENCES["missing"]["en"]},
        {
            "path": "title",
            "code": "string_too_long",
            "params": {"max_length": 90},
            "reason": SENTENCES["string_too_long"]["en"].format(max_length=90),
        },
    ]


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (InvalidCredentials(), "WWW-Authenticate", 'Bearer realm="like-ledger"'),
        (RateLimited(), "Retry-After", "60"),
        (QueueFull(), "Retry-After", "2"),
        (web.HTTPMethodNotAllowed("POST", ["GET", "HEAD"]), "Allow", "GET,HEAD"),
    ],
)
def test_a_problem_has_the_headers_of_its_status(error: Exception, name: str, value: str) -> None:
    assert error_response(error).headers[name] == value


def test_a_detail_replaces_the_sentence_of_the_problem() -> None:
    error = RequestProblem(Problem.TOO_LARGE, detail="At most 2 bytes.")
    assert json.loads(error_response(error).body)["detail"] == "At most 2 bytes."


def test_an_error_that_cannot_be_rendered_is_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    response = error_response(CampaignClosed("\ud800"))  # no text of UTF-8
    assert (response.status, json.loads(response.body)["code"]) == (500, "internal_error")
    captured = capsys.readouterr()
    assert "bug" in captured.out + captured.err


def test_an_integer_of_any_size_is_rendered() -> None:
    error = ValidationFailed([FieldError("n", "less_than_equal", {"le": 2**64})])
    assert json.loads(error_response(error).body)["faults"][0]["params"] == {"le": str(2**64)}
