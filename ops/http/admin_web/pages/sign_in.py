"""Sign-in by token, and sign-out. Every sign-in starts a new session and ends the browser's previous one."""

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
from ops.http.core.authentication import AUTHENTICATOR, InvalidCredentials
from ops.i18n.language import Language, negotiate_language, translate
from ops.openid.provider import Provider

OPENID_PROVIDER: web.AppKey[Provider | None] = web.AppKey("openid")
_ADMIN_PATH = re.compile(r"/admin(/[A-Za-z0-9._~/-]*)?")

_log = structlog.get_logger()


class SignInLink(NamedTuple):
    """A link to another way to sign in."""

    title: str
    url: str


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    """Show the sign-in form."""
    return render_sign_in(request, 200, negotiate_language(request))


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Start a session for the holder of the typed token."""
    authenticator = request.app[AUTHENTICATOR]
    try:
        csrf.check_origin(request, authenticator.settings)
        form, address = await read_form(request), authenticator.client_address(request)
        cookie = await authenticator.begin_session(form.get("token", "").strip(), address)
        await end_session(request)
    except InvalidCredentials:
        return render_sign_in(request, 401, negotiate_language(request), is_token_invalid=True)
    except Exception as error:  # noqa: BLE001 - a bug is raised again
        return render_blocked(request, error)
    _log.info("signed in", address=address)
    response = see_other(safe_next_url(form.get("next", "")) + _lang_query(request))
    csrf.set_session_cookie(response, cookie, authenticator.settings)
    return response


async def sign_out(context: PageContext) -> web.Response:
    """End the session."""
    await end_session(context.request)
    response = context.redirect(SIGN_IN_PATH)
    csrf.clear_session_cookie(response, context.request.app[AUTHENTICATOR].settings)
    return response


async def end_session(request: web.Request) -> None:
    """End the browser's session, if it has one."""
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
    """Return the sign-in page; `fault` is a sentence that says why a sign-in failed."""
    next_url = next_url or safe_next_url(request.query.get("next", ""))
    variables: dict[str, object] = {
        "next_url": next_url,
        "other_sign_in_links": other_sign_in_links(request, next_url, language),
        "is_token_invalid": is_token_invalid,
        "fault": fault,
    }
    return render_admin_page(request, language, "sign-in", status, **variables)


def other_sign_in_links(request: web.Request, next_url: str, language: Language) -> list[SignInLink]:
    """Return the ways to sign in without a token."""
    provider = request.app[OPENID_PROVIDER]
    if provider is None:
        return []
    parameters = {"next": next_url} | ({"lang": language} if "lang" in request.query else {})
    title = translate("sign_in_openid", language, host=provider.client.host)
    return [SignInLink(title, f"{SIGN_IN_PATH}/openid?{urlencode(parameters)}")]


def _lang_query(request: web.Request) -> str:
    return f"?lang={negotiate_language(request)}" if "lang" in request.query else ""


def safe_next_url(url: str) -> str:
    """Return the URL if it is a path of the administration, else the overview's path."""
    return url if _ADMIN_PATH.fullmatch(url) else csrf.ADMIN_WEB_PREFIX
