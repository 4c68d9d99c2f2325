"""Signing in and out. After signing in a session is always a fresh one, and the one before it has ended."""

import re
from typing import NamedTuple
from urllib.parse import urlencode

import structlog
from aiohttp import web

from ops.admin.auth import session_store
from ops.clock import utc_now
from ops.http.admin_web import csrf
from ops.http.admin_web.context import SIGN_IN_AT, Visit, answered, elsewhere, refused_at_the_door, typed
from ops.http.admin_web.csrf import Foreign
from ops.http.core.authentication import SIGN_IN, TooMany, Unknown
from ops.i18n.language import Language, chosen, say
from ops.openid.provider import Provider
from sql import AWAY

OPENID: web.AppKey[Provider | None] = web.AppKey("openid")
_OURS = re.compile(r"^/admin(/[A-Za-z0-9._~/-]*)?$")

_log = structlog.get_logger()


class Way(NamedTuple):
    """Another way to sign in: a link."""

    title: str
    address: str


async def ask(request: web.Request) -> web.StreamResponse:
    """Ask who it is."""
    return asked(request, 200, chosen(request))


async def begin(request: web.Request) -> web.StreamResponse:
    """Begin a session for who holds the token that was typed in."""
    own = request.app[SIGN_IN]
    try:
        csrf.check_origin(request, own.settings)
        form, address = await typed(request), own.address(request)
        cookie = await own.begin(form.get("token", "").strip(), address)
        await end_session(request)
    except Unknown:
        return asked(request, 401, chosen(request), is_unknown=True)
    except (TooMany, Foreign, *AWAY) as error:
        return refused_at_the_door(request, error)
    _log.info("signed in", address=address)
    answer = elsewhere(wanted(form.get("next", "")) + _kept(request))
    csrf.keep(answer, cookie, own.settings)
    return answer


async def end(visit: Visit) -> web.Response:
    """End the session."""
    await end_session(visit.request)
    answer = visit.to(SIGN_IN_AT)
    csrf.forget(answer, visit.request.app[SIGN_IN].settings)
    return answer


async def end_session(request: web.Request) -> None:
    """End the session that a browser has, if it has one."""
    if cookie := request.cookies.get(csrf.COOKIE):
        async with request.app[SIGN_IN].pool.acquire() as conn:
            await session_store.end(conn, cookie, utc_now())


def asked(
    request: web.Request,
    status: int,
    language: Language,
    back_to: str = "",
    *,
    is_unknown: bool = False,
    fault: str = "",
) -> web.Response:
    """Return the page that asks who it is; `fault` says why nobody is signed in."""
    wants = back_to or wanted(request.query.get("next", ""))
    ways = other_ways(request, wants, language)
    shown: dict[str, object] = {"wanted": wants, "other_ways": ways, "is_unknown": is_unknown, "fault": fault}
    return answered(request, language, "sign-in", status, **shown)


def other_ways(request: web.Request, back_to: str, language: Language) -> list[Way]:
    """Return the ways to sign in beside a token."""
    provider = request.app[OPENID]
    if provider is None:
        return []
    said = {"next": back_to} | ({"lang": language} if "lang" in request.query else {})
    title = say("sign_in_openid", language, host=provider.client.host)
    return [Way(title, f"{SIGN_IN_AT}/openid?{urlencode(said)}")]


def _kept(request: web.Request) -> str:
    return f"?lang={chosen(request)}" if "lang" in request.query else ""


def wanted(address: str) -> str:
    """Return where to go after signing in: a page of ours, whatever was asked for."""
    return address if _OURS.match(address) else csrf.PREFIX
