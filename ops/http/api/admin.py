"""`/v1/admin/…`: the door of programs. A bearer token in, a command to the desk, its answer or a problem out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import structlog
from aiohttp import web
from pydantic import ValidationError

from campaigns.errors import Faulty, NotFound, Refused
from campaigns.preview import request as preview_request
from campaigns.preview import response
from campaigns.promise.toml_file import faults
from ledger.errors import LedgerError
from ops.admin import registry
from ops.admin.core import execute as desks
from ops.admin.core.actor import Actor
from ops.admin.core.command import JSON, Command, Desk, Office, may
from ops.admin.core.csv_export import Table, pages
from ops.admin.core.errors import Forbidden, KeyTaken
from ops.admin.core.idempotency import once
from ops.admin.core.pagination import Listing, Reading, page
from ops.clock import utc_now
from ops.http.core.app_keys import OFFICE, PREFIX
from ops.http.core.authentication import SIGN_IN, SignIn, TooMany, Unknown
from ops.http.core.csv_stream import streamed
from ops.http.core.problems import Problem, problem
from ops.http.core.responses import Handler, unknown_parameters
from sql import AWAY

_KEY_CHARS_MAX = 200
_PRIVATE = {"Cache-Control": "no-store"}

_log = structlog.get_logger()


class Malformed(Exception):
    """A request that is answered by a problem before any command is looked at."""

    def __init__(self, kind: Problem, detail: str | None = None) -> None:
        self.kind, self.detail = kind, detail


def answered(handler: Handler) -> Handler:
    """Turn what is refused into problem details, each with a sentence that says what to do."""

    async def wrapped(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except (Refused, LedgerError, Malformed, Unknown, TooMany, *AWAY) as error:
            return refusal(error)

    return wrapped


def refusal(error: Exception) -> web.Response:
    """Return the answer to what is refused."""
    if isinstance(error, Malformed):
        return problem(error.kind, **({"detail": error.detail} if error.detail else {}))
    if isinstance(error, Faulty):
        return problem(Problem.FAULTY, faults=[{"path": f.path, "reason": f.reason} for f in error.faults])
    if isinstance(error, TooMany):
        return problem(Problem.TOO_MANY)
    if isinstance(error, Unknown):
        answer = problem(Problem.NO_TOKEN)
        answer.headers["WWW-Authenticate"] = 'Bearer realm="like-ledger"'
        return answer
    for kind, which in _KINDS.items():
        if isinstance(error, kind):
            return problem(which, detail=str(error))
    return problem(Problem.UNAVAILABLE)


_KINDS: Mapping[type[Exception], Problem] = {
    Forbidden: Problem.FORBIDDEN,
    NotFound: Problem.NOT_FOUND,
    KeyTaken: Problem.KEY_TAKEN,
    Refused: Problem.REFUSED,
    LedgerError: Problem.REFUSED,
}


async def _signed_in(request: web.Request) -> Actor:
    """Return who sent the request: `Authorization: Bearer …` (RFC 6750)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    own: SignIn = request.app[SIGN_IN]
    return await own.by_token(token if scheme.lower() == "bearer" else "", own.address(request), "http")


def given(command: Command[Any]) -> Handler:
    """Return the handler of a command."""

    @answered
    async def handler(request: web.Request) -> web.StreamResponse:
        actor = await _signed_in(request)
        if not may(actor, command.roles):
            raise Forbidden(f"{command.name} is not for the role {actor.role}")
        dry_run = _dry_run(request)
        place, raw = _place(request), await _body(request, command)
        key = _key(request)
        own = None if dry_run else once(actor.name, key, command.name.encode(), place.encode(), raw)
        asked = _read(command, raw)
        answer = await desks.do(request.app[OFFICE], actor, command, place, asked, own, dry_run=dry_run)
        return _json(answer, 202 if answer["state"] == "pending" else 200)

    return handler


def _key(request: web.Request) -> str:
    """Return the key that a program gave; in quotes, as the draft writes it, it is the same one."""
    given = request.headers.get("Idempotency-Key", "").strip()
    if not (1 <= len(given) <= _KEY_CHARS_MAX and given.isascii() and given.isprintable()):
        raise Malformed(Problem.NO_KEY)
    return given.strip('"') or given


def _place(request: web.Request) -> str:
    return next(iter(request.match_info.values()), "")


def _dry_run(request: web.Request) -> bool:
    if unknown_parameters(request, ("dry_run",)) is not None:
        raise Malformed(Problem.UNKNOWN_PARAMETER)
    asked = request.query.get("dry_run", "false")
    if asked not in ("true", "false"):
        raise Malformed(Problem.UNKNOWN_PARAMETER)
    return asked == "true"


async def _body(request: web.Request, command: Command[Any]) -> bytes:
    try:
        if (request.content_length or 0) > command.bytes_max:
            raise _too_large(command)
        raw = await request.clone(client_max_size=command.bytes_max).read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(command) from None
    if raw and request.content_type != command.content_type:
        raise Malformed(Problem.WRONG_TYPE, f"Send Content-Type: {command.content_type}.")
    return raw


def _too_large(command: Command[Any]) -> Malformed:
    return Malformed(Problem.TOO_LARGE, f"At most {command.bytes_max:,} bytes. Nothing was kept; send less at once.")


def _read(command: Command[Any], raw: bytes) -> Any:
    if command.content_type != JSON:
        return command.asked(content=raw)
    try:
        return command.asked.model_validate_json(raw or b"{}")
    except ValidationError as error:
        if any(fault["type"] == "json_invalid" for fault in error.errors(include_url=False)):
            raise Malformed(Problem.UNREADABLE) from None
        raise Faulty(faults(error)) from None


def _looked_at(roles: frozenset[Any], look: Callable[[Desk, web.Request], Awaitable[Any]]) -> Handler:
    """Return the handler that reads, from one snapshot, for people of some roles."""

    @answered
    async def handler(request: web.Request) -> web.StreamResponse:
        actor = await _signed_in(request)
        if not may(actor, roles):
            raise Forbidden(f"this is not for the role {actor.role}")
        office = request.app[OFFICE]
        async with (
            office.pool.acquire() as conn,
            conn.transaction(isolation="repeatable_read", readonly=True),
        ):
            return _json(await look(Desk(conn, actor, office.keys, office.settings, utc_now()), request))

    return handler


def listed(listing: Listing) -> Handler:
    """Return the handler of a list."""

    async def look(desk: Desk, request: web.Request) -> Any:
        if len(set(request.query)) != len(request.query):
            raise Malformed(Problem.UNKNOWN_PARAMETER)
        return await page(listing, desk, request.query)

    return _looked_at(listing.roles, look)


def tabled(table: Table) -> Handler:
    """Return the handler of a list as one table: streamed, each page of it read when the one before was sent."""

    @answered
    async def handler(request: web.Request) -> web.StreamResponse:
        actor = await _signed_in(request)
        if not may(actor, table.listing.roles):
            raise Forbidden(f"this is not for the role {actor.role}")
        if len(set(request.query)) != len(request.query):
            raise Malformed(Problem.UNKNOWN_PARAMETER)
        office = request.app[OFFICE]

        async def look(given: Mapping[str, str]) -> dict[str, Any]:
            async with office.pool.acquire() as conn:
                return await page(table.listing, Desk(conn, actor, office.keys, office.settings, utc_now()), given)

        return await streamed(request, table, pages(table, look, request.query))

    return handler


def looked_at(reading: Reading) -> Handler:
    """Return the handler of one thing that can be looked at."""

    async def look(desk: Desk, request: web.Request) -> Any:
        if unknown_parameters(request) is not None:
            raise Malformed(Problem.UNKNOWN_PARAMETER)
        return await reading.read(desk, _place(request))

    return _looked_at(reading.roles, look)


@answered
async def previewed(request: web.Request) -> web.StreamResponse:
    """Tell what a promise would come to; changes nothing, so it takes no key."""
    await _signed_in(request)
    if unknown_parameters(request) is not None:
        raise Malformed(Problem.UNKNOWN_PARAMETER)
    if request.content_type != JSON:
        raise Malformed(Problem.WRONG_TYPE)
    asked = preview_request.read(await request.read())
    office = request.app[OFFICE]
    async with office.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        found = await response.preview(conn, asked, utc_now(), pseudonym_key=office.keys.pseudonym)
    return _json(found)


def _json(shown: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(shown), status=status, content_type="application/json", headers=_PRIVATE)


def routes() -> list[web.RouteDef]:
    """Return every route of the administration."""
    return [
        *(web.post(PREFIX + command.path, given(command)) for command in registry.COMMANDS),
        web.post(f"{PREFIX}/preview", previewed),
        *(web.get(PREFIX + listing.path, listed(listing)) for listing in registry.LISTINGS),
        *(web.get(PREFIX + table.path, tabled(table), allow_head=False) for table in registry.TABLES),
        *(web.get(PREFIX + reading.path, looked_at(reading)) for reading in registry.READINGS),
    ]


def set_up(app: web.Application, office: Office, sign_in: SignIn) -> None:
    """Give the application its administration."""
    app[OFFICE], app[SIGN_IN] = office, sign_in
    app.add_routes(routes())
