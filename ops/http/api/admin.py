"""`/v1/admin`: authenticate a bearer token, execute the command or read the list, return JSON."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from campaigns.errors import ValidationFailed
from campaigns.preview import request as preview_request
from campaigns.preview import response as preview_response
from campaigns.promise.toml_file import field_errors
from ops.admin.core.actor import Actor, Role
from ops.admin.core.command import JSON_TYPE, Command, CommandContext, command_key, is_allowed
from ops.admin.core.csv_export import CsvExport, stream_csv
from ops.admin.core.errors import Forbidden
from ops.admin.core.execute import execute
from ops.admin.core.pagination import DetailEndpoint, ListEndpoint, read_page
from ops.clock import utc_now
from ops.http.core.app_keys import COMMAND_SERVICES
from ops.http.core.authentication import AUTHENTICATOR
from ops.http.core.csv_stream import send_csv
from ops.http.core.problems import Problem, RequestProblem
from ops.http.core.responses import Handler, check_choice, check_parameters

_KEY_CHARS_MAX = 200
_NO_STORE = {"Cache-Control": "no-store"}


async def _authenticate(request: web.Request) -> Actor:
    """Return the sender of a request: `Authorization: Bearer …` (RFC 6750)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    authenticator = request.app[AUTHENTICATOR]
    return await authenticator.authenticate_token(
        token if scheme.lower() == "bearer" else "", authenticator.client_address(request), "http"
    )


async def _require_role(request: web.Request, roles: frozenset[Role]) -> Actor:
    """Return the sender of a request. Raises Forbidden if their role is another."""
    actor = await _authenticate(request)
    if not is_allowed(actor, roles):
        raise Forbidden("not_for_role", role=actor.role)
    return actor


def command_handler(command: Command[Any]) -> Handler:
    """Return the handler of a command."""

    async def handler(request: web.Request) -> web.StreamResponse:
        actor = await _authenticate(request)
        if not is_allowed(actor, command.roles):
            raise Forbidden("command_not_for_role", command=command.name, role=actor.role)
        dry_run = _is_dry_run(request)
        subject_id, raw = _subject_id(request), await _read_body(request, command)
        key = _read_key_header(request)
        services = request.app[COMMAND_SERVICES]
        request_key = command_key(command, (actor.name, key), subject_id, raw, services.keys)
        response = await execute(
            services,
            actor,
            command,
            subject_id,
            _parse_body(command, raw),
            None if dry_run else request_key,
            dry_run=dry_run,
        )
        return _json_response(response, 202 if response["state"] == "pending" else 200)

    return handler


def _read_key_header(request: web.Request) -> str:
    """Return the request's idempotency key without the quotes that the draft puts around it."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if not (1 <= len(key) <= _KEY_CHARS_MAX and key.isascii() and key.isprintable()):
        raise RequestProblem(Problem.IDEMPOTENCY_KEY_REQUIRED)
    return key.strip('"') or key


def _subject_id(request: web.Request) -> str:
    return next(iter(request.match_info.values()), "")


def _is_dry_run(request: web.Request) -> bool:
    check_parameters(request, ("dry_run",))
    check_choice(request, "dry_run", ("true", "false"))
    return request.query.get("dry_run") == "true"


async def _read_body(request: web.Request, command: Command[Any]) -> bytes:
    try:
        if (request.content_length or 0) > command.bytes_max:
            raise _too_large(command)
        raw = await request.clone(client_max_size=command.bytes_max).read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(command) from None
    if raw and request.content_type != command.content_type:
        detail = f"The content type is not supported. Send Content-Type: {command.content_type}."
        raise RequestProblem(Problem.UNSUPPORTED_MEDIA_TYPE, detail=detail)
    return raw


def _too_large(command: Command[Any]) -> RequestProblem:
    detail = f"The body is larger than {command.bytes_max:,} bytes. Nothing was stored; send less at once."
    return RequestProblem(Problem.TOO_LARGE, detail=detail)


def _parse_body(command: Command[Any], raw: bytes) -> Any:
    if command.content_type != JSON_TYPE:
        return command.body_type(content=raw)
    try:
        return command.body_type.model_validate_json(raw or b"{}")
    except ValidationError as error:
        errors = field_errors(error)
        if any(field_error.code == "json_invalid" for field_error in errors):
            raise RequestProblem(Problem.INVALID_JSON) from None
        raise ValidationFailed(errors) from None


def _command_context(request: web.Request, conn: Any, actor: Actor) -> CommandContext:
    services = request.app[COMMAND_SERVICES]
    return CommandContext(conn, actor, services.keys, services.settings, utc_now())


def _read_handler(roles: frozenset[Role], read: Callable[[CommandContext, web.Request], Awaitable[Any]]) -> Handler:
    """Return a handler that reads from one snapshot of the database, for some roles."""

    async def handler(request: web.Request) -> web.StreamResponse:
        actor = await _require_role(request, roles)
        pool = request.app[COMMAND_SERVICES].pool
        async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            return _json_response(await read(_command_context(request, conn, actor), request))

    return handler


def list_handler(list_endpoint: ListEndpoint) -> Handler:
    """Return the handler of a list."""

    async def read(context: CommandContext, request: web.Request) -> Any:
        _refuse_repeated_parameters(request)
        return await read_page(list_endpoint, context, request.query)

    return _read_handler(list_endpoint.roles, read)


def _refuse_repeated_parameters(request: web.Request) -> None:
    """Raise RequestProblem for a repeated parameter; the list itself refuses an unknown one."""
    check_parameters(request, tuple(request.query))


def csv_handler(csv_export: CsvExport) -> Handler:
    """Return the handler of a list as CSV; each page is read once the page before it was sent."""

    async def handler(request: web.Request) -> web.StreamResponse:
        actor = await _require_role(request, csv_export.endpoint.roles)
        _refuse_repeated_parameters(request)

        async def fetch_page(parameters: Mapping[str, str]) -> dict[str, Any]:
            async with request.app[COMMAND_SERVICES].pool.acquire() as conn:
                context = _command_context(request, conn, actor)
                return await read_page(csv_export.endpoint, context, parameters)

        return await send_csv(request, csv_export, stream_csv(csv_export, fetch_page, request.query))

    return handler


def detail_handler(detail_endpoint: DetailEndpoint) -> Handler:
    """Return the handler of one entry of a list."""

    async def read(context: CommandContext, request: web.Request) -> Any:
        check_parameters(request)
        return await detail_endpoint.read(context, _subject_id(request))

    return _read_handler(detail_endpoint.roles, read)


async def preview_promise(request: web.Request) -> web.StreamResponse:
    """Return the forecast of a promise. It changes nothing, so it needs no idempotency key."""
    await _authenticate(request)
    check_parameters(request)
    if request.content_type != JSON_TYPE:
        raise RequestProblem(Problem.UNSUPPORTED_MEDIA_TYPE)
    preview = preview_request.parse_request(await request.read())
    services = request.app[COMMAND_SERVICES]
    async with services.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        response = await preview_response.preview_response(
            conn, preview, utc_now(), pseudonym_key=services.keys.pseudonym
        )
    return _json_response(response)


def _json_response(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type=JSON_TYPE, headers=_NO_STORE)
