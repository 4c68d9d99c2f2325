"""Signing in and out. After signing in a session is always a fresh one, and the one before it has ended."""

import re
from typing import NamedTuple
from urllib.parse import urlencode

import structlog
from aiohttp import web

from ops.admin.auth import session_store
from ops.clock import utc_now
from ops.http.admin_web import csrf
from ops.http.admin_web.context import (
    SIGN_IN_PATH,
    PageContext,
    read_form,
    render_admin_page,
    render_blocked,
    see_other,
)
from ops.http.admin_web.csrf import CrossSiteForm
from ops.http.core.authentication import AUTHENTICATOR, InvalidCredentials, RateLimited
from ops.i18n.language import Language, negotiate_language, translate
from ops.openid.provider import Provider
from sql import UNAVAILABLE_ERRORS

OPENID_PROVIDER: web.AppKey[Provider | None] = web.AppKey("openid")
_ADMIN_PATH = re.compile(r"^/admin(/[A-Za-z0-9._~/-]*)?$")

_log = structlog.get_logger()


class SignInLink(NamedTuple):
    """Another way to sign in: a link."""

    title: str
    url: str


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    """Ask who it is."""
    return render_sign_in(request, 200, negotiate_language(request))


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Begin a session for who holds the token that was typed in."""
    own = request.app[AUTHENTICATOR]
    try:
        csrf.check_origin(request, own.settings)
        form, address = await read_form(request), own.client_address(request)
        cookie = await own.begin_session(form.get("token", "").strip(), address)
        await end_session(request)
    except InvalidCredentials:
        return render_sign_in(request, 401, negotiate_language(request), is_token_invalid=True)
    except (RateLimited, CrossSiteForm, *UNAVAILABLE_ERRORS) as error:
        return render_blocked(request, error)
    _log.info("signed in", address=address)
    answer = see_other(safe_next_url(form.get("next", "")) + _lang_query(request))
    csrf.set_session_cookie(answer, cookie, own.settings)
    return answer


async def sign_out(context: PageContext) -> web.Response:
    """End the session."""
    await end_session(context.request)
    answer = context.redirect(SIGN_IN_PATH)
    csrf.clear_session_cookie(answer, context.request.app[AUTHENTICATOR].settings)
    return answer


async def end_session(request: web.Request) -> None:
    """End the session that a browser has, if it has one."""
    if cookie := request.cookies.get(csrf.SESSION_COOKIE):
        async with request.app[AUTHENTICATOR].pool.acquire() as conn:
            await session_store.end_session(conn, cookie, utc_now())


def render_sign_in(
    request: web.Request,
    status: int,
    language: Language,
    next_url: str = "",
    *,
    is_token_invalid: bool = False,
    fault: str = "",
) -> web.Response:
    """Return the page that asks who it is; `fault` says why nobody is signed in."""
    wants = next_url or safe_next_url(request.query.get("next", ""))
    ways = other_sign_in_links(request, wants, language)
    shown: dict[str, object] = {"wanted": wants, "other_ways": ways, "is_unknown": is_token_invalid, "fault": fault}
    return render_admin_page(request, language, "sign-in", status, **shown)


def other_sign_in_links(request: web.Request, next_url: str, language: Language) -> list[SignInLink]:
    """Return the ways to sign in beside a token."""
    provider = request.app[OPENID_PROVIDER]
    if provider is None:
        return []
    said = {"next": next_url} | ({"lang": language} if "lang" in request.query else {})
    title = translate("sign_in_openid", language, host=provider.client.host)
    return [SignInLink(title, f"{SIGN_IN_PATH}/openid?{urlencode(said)}")]


def _lang_query(request: web.Request) -> str:
    return f"?lang={negotiate_language(request)}" if "lang" in request.query else ""


def safe_next_url(url: str) -> str:
    """Return where to go after signing in: a page of ours, whatever was asked for."""
    return url if _ADMIN_PATH.match(url) else csrf.ADMIN_WEB_PREFIX
