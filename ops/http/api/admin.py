"""`/v1/admin/…`: the door of programs. A bearer token in, a command to the desk, its answer or a problem out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import structlog
from aiohttp import web
from pydantic import ValidationError

from campaigns.errors import NotFound, RequestRefused, ValidationFailed
from campaigns.preview import request as preview_request
from campaigns.preview import response
from campaigns.promise.toml_file import field_errors
from ledger.errors import LedgerError, Refusal
from ops.admin import registry
from ops.admin.core import execute as desks
from ops.admin.core.actor import Actor
from ops.admin.core.command import JSON_TYPE, Command, CommandContext, CommandServices, is_allowed
from ops.admin.core.csv_export import CsvExport, stream_csv
from ops.admin.core.errors import Forbidden, IdempotencyKeyReused
from ops.admin.core.idempotency import idempotency_key
from ops.admin.core.pagination import DetailEndpoint, ListEndpoint, read_page
from ops.clock import utc_now
from ops.http.core.app_keys import ADMIN_API_PREFIX, COMMAND_SERVICES
from ops.http.core.authentication import AUTHENTICATOR, Authenticator, InvalidCredentials, RateLimited
from ops.http.core.csv_stream import send_csv
from ops.http.core.problems import Problem, problem_response
from ops.http.core.responses import Handler, refuse_unknown_parameters
from ops.i18n.refusals import json_params, refusal_text
from sql import UNAVAILABLE_ERRORS

_KEY_CHARS_MAX = 200
_NO_STORE = {"Cache-Control": "no-store"}

_log = structlog.get_logger()


class MalformedRequest(Exception):
    """A request that is answered by a problem before any command is looked at."""

    def __init__(self, kind: Problem, detail: str | None = None) -> None:
        self.kind, self.detail = kind, detail


def map_errors(handler: Handler) -> Handler:
    """Turn what is refused into problem details, each with a sentence that says what to do."""

    async def wrapped(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except (
            RequestRefused,
            LedgerError,
            MalformedRequest,
            InvalidCredentials,
            RateLimited,
            *UNAVAILABLE_ERRORS,
        ) as error:
            return error_response(error)

    return wrapped


def error_response(error: Exception) -> web.Response:
    """Return the answer to what is refused."""
    if isinstance(error, MalformedRequest):
        return problem_response(error.kind, **({"detail": error.detail} if error.detail else {}))
    if isinstance(error, ValidationFailed):
        return problem_response(
            Problem.VALIDATION_FAILED,
            faults=[
                {"path": f.path, "code": f.code, "params": json_params(f.params), "reason": refusal_text(f, "en")}
                for f in error.field_errors
            ],
        )
    if isinstance(error, RateLimited):
        return problem_response(Problem.RATE_LIMITED)
    if isinstance(error, InvalidCredentials):
        answer = problem_response(Problem.INVALID_TOKEN)
        answer.headers["WWW-Authenticate"] = 'Bearer realm="like-ledger"'
        return answer
    for kind, which in _PROBLEMS_BY_ERROR.items():
        if isinstance(error, kind):
            return problem_response(which, **_refusal_members(error))
    return problem_response(Problem.DATABASE_UNAVAILABLE)


def _refusal_members(error: Refusal) -> dict[str, Any]:
    """Return the members of a problem that tell which refusal it is."""
    return {"detail": refusal_text(error, "en"), "code": error.code, "params": json_params(error.params)}


_PROBLEMS_BY_ERROR: Mapping[type[Refusal], Problem] = {
    Forbidden: Problem.FORBIDDEN,
    NotFound: Problem.NOT_FOUND,
    IdempotencyKeyReused: Problem.IDEMPOTENCY_KEY_CONFLICT,
    RequestRefused: Problem.CONFLICT,
    LedgerError: Problem.CONFLICT,
}


async def _authenticate(request: web.Request) -> Actor:
    """Return who sent the request: `Authorization: Bearer …` (RFC 6750)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    own: Authenticator = request.app[AUTHENTICATOR]
    return await own.authenticate_token(
        token if scheme.lower() == "bearer" else "", own.client_address(request), "http"
    )


def command_handler(command: Command[Any]) -> Handler:
    """Return the handler of a command."""

    @map_errors
    async def handler(request: web.Request) -> web.StreamResponse:
        actor = await _authenticate(request)
        if not is_allowed(actor, command.roles):
            raise Forbidden(f"{command.name} is not for the role {actor.role}")
        dry_run = _is_dry_run(request)
        place, raw = _subject_id(request), await _read_body(request, command)
        key = _read_key_header(request)
        own = None if dry_run else idempotency_key(actor.name, key, command.name.encode(), place.encode(), raw)
        asked = _parse_body(command, raw)
        answer = await desks.execute(
            request.app[COMMAND_SERVICES], actor, command, place, asked, own, dry_run=dry_run
        )
        return _json_response(answer, 202 if answer["state"] == "pending" else 200)

    return handler


def _read_key_header(request: web.Request) -> str:
    """Return the key that a program gave; in quotes, as the draft writes it, it is the same one."""
    given = request.headers.get("Idempotency-Key", "").strip()
    if not (1 <= len(given) <= _KEY_CHARS_MAX and given.isascii() and given.isprintable()):
        raise MalformedRequest(Problem.IDEMPOTENCY_KEY_REQUIRED)
    return given.strip('"') or given


def _subject_id(request: web.Request) -> str:
    return next(iter(request.match_info.values()), "")


def _is_dry_run(request: web.Request) -> bool:
    if refuse_unknown_parameters(request, ("dry_run",)) is not None:
        raise MalformedRequest(Problem.UNKNOWN_PARAMETER)
    asked = request.query.get("dry_run", "false")
    if asked not in ("true", "false"):
        raise MalformedRequest(Problem.UNKNOWN_PARAMETER)
    return asked == "true"


async def _read_body(request: web.Request, command: Command[Any]) -> bytes:
    try:
        if (request.content_length or 0) > command.bytes_max:
            raise _too_large(command)
        raw = await request.clone(client_max_size=command.bytes_max).read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(command) from None
    if raw and request.content_type != command.content_type:
        raise MalformedRequest(Problem.UNSUPPORTED_MEDIA_TYPE, f"Send Content-Type: {command.content_type}.")
    return raw


def _too_large(command: Command[Any]) -> MalformedRequest:
    return MalformedRequest(
        Problem.TOO_LARGE, f"At most {command.bytes_max:,} bytes. Nothing was kept; send less at once."
    )


def _parse_body(command: Command[Any], raw: bytes) -> Any:
    if command.content_type != JSON_TYPE:
        return command.body_type(content=raw)
    try:
        return command.body_type.model_validate_json(raw or b"{}")
    except ValidationError as error:
        if any(fault["type"] == "json_invalid" for fault in error.errors(include_url=False)):
            raise MalformedRequest(Problem.INVALID_JSON) from None
        raise ValidationFailed(field_errors(error)) from None


def _read_handler(roles: frozenset[Any], read: Callable[[CommandContext, web.Request], Awaitable[Any]]) -> Handler:
    """Return the handler that reads, from one snapshot, for people of some roles."""

    @map_errors
    async def handler(request: web.Request) -> web.StreamResponse:
        actor = await _authenticate(request)
        if not is_allowed(actor, roles):
            raise Forbidden(f"this is not for the role {actor.role}")
        office = request.app[COMMAND_SERVICES]
        async with (
            office.pool.acquire() as conn,
            conn.transaction(isolation="repeatable_read", readonly=True),
        ):
            return _json_response(
                await read(CommandContext(conn, actor, office.keys, office.settings, utc_now()), request)
            )

    return handler


def list_handler(list_endpoint: ListEndpoint) -> Handler:
    """Return the handler of a list."""

    async def look(desk: CommandContext, request: web.Request) -> Any:
        if len(set(request.query)) != len(request.query):
            raise MalformedRequest(Problem.UNKNOWN_PARAMETER)
        return await read_page(list_endpoint, desk, request.query)

    return _read_handler(list_endpoint.roles, look)


def csv_handler(csv_export: CsvExport) -> Handler:
    """Return the handler of a list as one table: streamed, each page of it read when the one before was sent."""

    @map_errors
    async def handler(request: web.Request) -> web.StreamResponse:
        actor = await _authenticate(request)
        if not is_allowed(actor, csv_export.endpoint.roles):
            raise Forbidden(f"this is not for the role {actor.role}")
        if len(set(request.query)) != len(request.query):
            raise MalformedRequest(Problem.UNKNOWN_PARAMETER)
        office = request.app[COMMAND_SERVICES]

        async def look(given: Mapping[str, str]) -> dict[str, Any]:
            async with office.pool.acquire() as conn:
                return await read_page(
                    csv_export.endpoint, CommandContext(conn, actor, office.keys, office.settings, utc_now()), given
                )

        return await send_csv(request, csv_export, stream_csv(csv_export, look, request.query))

    return handler


def detail_handler(detail_endpoint: DetailEndpoint) -> Handler:
    """Return the handler of one thing that can be looked at."""

    async def look(desk: CommandContext, request: web.Request) -> Any:
        if refuse_unknown_parameters(request) is not None:
            raise MalformedRequest(Problem.UNKNOWN_PARAMETER)
        return await detail_endpoint.read(desk, _subject_id(request))

    return _read_handler(detail_endpoint.roles, look)


@map_errors
async def preview_promise(request: web.Request) -> web.StreamResponse:
    """Tell what a promise would come to; changes nothing, so it takes no key."""
    await _authenticate(request)
    if refuse_unknown_parameters(request) is not None:
        raise MalformedRequest(Problem.UNKNOWN_PARAMETER)
    if request.content_type != JSON_TYPE:
        raise MalformedRequest(Problem.UNSUPPORTED_MEDIA_TYPE)
    asked = preview_request.parse_request(await request.read())
    office = request.app[COMMAND_SERVICES]
    async with office.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        found = await response.preview_response(conn, asked, utc_now(), pseudonym_key=office.keys.pseudonym)
    return _json_response(found)


def _json_response(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=_NO_STORE)


def routes() -> list[web.RouteDef]:
    """Return every route of the administration."""
    return [
        *(web.post(ADMIN_API_PREFIX + command.path, command_handler(command)) for command in registry.COMMANDS),
        web.post(f"{ADMIN_API_PREFIX}/preview", preview_promise),
        *(web.get(ADMIN_API_PREFIX + listing.path, list_handler(listing)) for listing in registry.LIST_ENDPOINTS),
        *(
            web.get(ADMIN_API_PREFIX + table.path, csv_handler(table), allow_head=False)
            for table in registry.CSV_EXPORTS
        ),
        *(web.get(ADMIN_API_PREFIX + reading.path, detail_handler(reading)) for reading in registry.DETAIL_ENDPOINTS),
    ]


def set_up(app: web.Application, services: CommandServices, authenticator: Authenticator) -> None:
    """Give the application its administration."""
    app[COMMAND_SERVICES], app[AUTHENTICATOR] = services, authenticator
    app.add_routes(routes())
