"""Signing in and out. After signing in a session is always a fresh one, and the one before it has ended."""

import re
from typing import NamedTuple

import structlog
from aiohttp import web

from ops.admin import sessions
from ops.clock import utc_now
from ops.http.admin_pages import guards
from ops.http.admin_pages.guards import Foreign
from ops.http.admin_pages.visit import SIGN_IN_AT, Visit, answered, elsewhere, refused_at_the_door, typed
from ops.http.language import chosen
from ops.http.sign_in import SIGN_IN, TooMany, Unknown
from sql import AWAY

_OURS = re.compile(r"^/admin(/[A-Za-z0-9._~/-]*)?$")

_log = structlog.get_logger()


class Way(NamedTuple):
    """Another way to sign in: a link."""

    title: str
    address: str


async def ask(request: web.Request) -> web.StreamResponse:
    """Ask who it is."""
    return _asked(request, 200)


async def begin(request: web.Request) -> web.StreamResponse:
    """Begin a session for who holds the token that was typed in."""
    own = request.app[SIGN_IN]
    try:
        guards.check_origin(request, own.settings)
        form, address = await typed(request), own.address(request)
        cookie = await own.begin(form.get("token", "").strip(), address)
        await _end(request)
    except Unknown:
        return _asked(request, 401, is_unknown=True)
    except (TooMany, Foreign, *AWAY) as error:
        return refused_at_the_door(request, error)
    _log.info("signed in", address=address)
    answer = elsewhere(_wanted(form.get("next", "")) + _kept(request))
    guards.keep(answer, cookie, own.settings)
    return answer


async def end(visit: Visit) -> web.Response:
    """End the session."""
    await _end(visit.request)
    answer = visit.to(SIGN_IN_AT)
    guards.forget(answer, visit.request.app[SIGN_IN].settings)
    return answer


async def _end(request: web.Request) -> None:
    if cookie := request.cookies.get(guards.COOKIE):
        async with request.app[SIGN_IN].pool.acquire() as conn:
            await sessions.end(conn, cookie, utc_now())


def _asked(request: web.Request, status: int, *, is_unknown: bool = False) -> web.Response:
    wanted = _wanted(request.query.get("next", ""))
    shown = {"wanted": wanted, "is_unknown": is_unknown, "other_ways": other_ways(request)}
    return answered(request, chosen(request), "sign-in", status, **shown)


def other_ways(_: web.Request) -> list[Way]:
    """Return the ways to sign in beside a token."""
    return []


def _kept(request: web.Request) -> str:
    return f"?lang={chosen(request)}" if "lang" in request.query else ""


def _wanted(address: str) -> str:
    """Return where to go after signing in: a page of ours, whatever was asked for."""
    return address if _OURS.match(address) else guards.PREFIX
