"""Signing in by OpenID Connect: to the provider and back. What either brings is judged by `ops.openid.protocol`.

    sign-in ──▶ /admin/sign-in/openid ──▶ the provider ──▶ …/callback ──▶ a page that goes on to the administration

What the attempt needs waits in a cookie of its own for ten minutes. That one is `SameSite=Lax`, since the browser
comes back from elsewhere. The session's is `Strict`, and a browser sends no such cookie along a way that began at the
provider: so the callback is answered by a page of ours, and the way on begins there.
"""

import secrets
from typing import NamedTuple
from urllib.parse import quote, unquote

import structlog
from aiohttp import web

from ops.clock import utc_now
from ops.http.admin_web import csrf
from ops.http.admin_web.context import render_admin_page, render_blocked, see_other
from ops.http.admin_web.pages import sign_in as signing
from ops.http.core.authentication import AUTHENTICATOR, Authenticator, RateLimited
from ops.i18n.language import Language, negotiate_language, translate
from ops.openid import client, protocol
from ops.openid.protocol import SignInAttempt, Unproven
from ops.openid.provider import Provider
from sql import UNAVAILABLE_ERRORS

_COOKIE_SECONDS = 600
_STATUS = {"away": 503, "declined": 401, "unproven": 401}  # 403 where the provider is believed, and it is not enough
_COUNTED_FAILURES = {"unproven"}  # as failures of the address

_log = structlog.get_logger()


class PendingSignIn(NamedTuple):
    """What the attempt's cookie holds."""

    attempt: SignInAttempt
    next_url: str
    language: str


def require_provider(request: web.Request) -> Provider:
    """Return the provider. HTTPNotFound: there is none."""
    found = request.app[signing.OPENID_PROVIDER]
    if found is None:
        raise web.HTTPNotFound
    return found


async def begin_sign_in(request: web.Request) -> web.StreamResponse:
    """Send the browser to the provider; a session that it has ends."""
    own, language = require_provider(request), negotiate_language(request)
    attempt = SignInAttempt(*(secrets.token_urlsafe(32) for _ in range(3)))
    kept = PendingSignIn(
        attempt, signing.safe_next_url(request.query.get("next", "")), language if "lang" in request.query else ""
    )
    try:
        request.app[AUTHENTICATOR].check_rate_limit(request.app[AUTHENTICATOR].client_address(request))
        address = protocol.authorization_url(own.client, await own.metadata(), attempt)
        await signing.end_session(request)
    except Unproven as fault:
        return _render_failure(request, fault, language)
    except (RateLimited, *UNAVAILABLE_ERRORS) as error:
        return render_blocked(request, error)
    answer = see_other(address)
    _set_cookie(answer, kept, request.app[AUTHENTICATOR])
    return answer


async def finish_sign_in(request: web.Request) -> web.StreamResponse:
    """Begin a session for whom the provider names."""
    own, sign_in = require_provider(request), request.app[AUTHENTICATOR]
    kept = _read_cookie(request, sign_in)
    language = _chosen_language(kept, request)
    address = sign_in.client_address(request)
    try:
        sign_in.check_rate_limit(address)
        person = protocol.read_identity(own.client, await _fetch_claims(request, own, kept))
        cookie = await sign_in.begin_openid_session(person)
    except Unproven as fault:
        if fault.code in _COUNTED_FAILURES and kept is not None:
            sign_in.record_failure(address, "page")
        return _clear_cookie(_render_failure(request, fault, language, kept.next_url if kept else ""), sign_in)
    except (RateLimited, *UNAVAILABLE_ERRORS) as error:
        return render_blocked(request, error)
    _log.info("signed in", address=address, by="openid")
    answer = render_admin_page(
        request, language, "signed-in", 200, on=_continue_url(kept, language), name=person.name
    )
    csrf.set_session_cookie(answer, cookie, sign_in.settings)
    return _clear_cookie(answer, sign_in)


def _continue_url(pending: PendingSignIn | None, language: Language) -> str:
    if pending is None:
        return csrf.ADMIN_WEB_PREFIX
    return pending.next_url + (f"?lang={language}" if pending.language else "")


async def _fetch_claims(request: web.Request, provider: Provider, pending: PendingSignIn | None) -> protocol.Claims:
    """Return what the provider says of who came back. A key that nobody knows may be a new one: it is asked again."""
    if pending is None:
        raise Unproven("unproven", "no attempt was begun with this browser, or it is too long ago")
    metadata = await provider.metadata()
    code = protocol.authorization_code(metadata, pending.attempt, request.query)
    token = await provider.redeem_code(protocol.token_request(provider.client, metadata, pending.attempt, code))
    try:
        return protocol.verify_id_token(provider.client, pending.attempt, await provider.keys(), token, utc_now())
    except protocol.UnknownKey:
        return protocol.verify_id_token(
            provider.client, pending.attempt, await provider.keys(refresh=True), token, utc_now()
        )


def _render_failure(request: web.Request, fault: Unproven, language: Language, next_url: str = "") -> web.Response:
    _log.warning("no sign-in by OpenID Connect", told=fault.code, why=str(fault))
    status = _STATUS.get(fault.code, 403)
    answer = signing.render_sign_in(
        request, status, language, next_url, fault=translate(f"openid_{fault.code}", language, name=fault.name)
    )
    if fault.code == "away":
        answer.headers["Retry-After"] = "60"
    return answer


# --- the attempt's cookie ---


def _cookie_name(authenticator: Authenticator) -> str:
    """Browsers take a name with `__Host-` from this very host alone: no other can plant an attempt (RFC 6265bis)."""
    return f"{'__Host-' if csrf.is_over_tls(authenticator.settings) else ''}like_ledger_openid"


def _set_cookie(answer: web.StreamResponse, pending: PendingSignIn, authenticator: Authenticator) -> None:
    held = ".".join((*pending.attempt, pending.language, quote(pending.next_url, safe="")))
    is_secure = csrf.is_over_tls(authenticator.settings)
    answer.set_cookie(
        _cookie_name(authenticator),
        held,
        path="/",
        max_age=_COOKIE_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=is_secure,
    )


def _read_cookie(request: web.Request, authenticator: Authenticator) -> PendingSignIn | None:
    match request.cookies.get(_cookie_name(authenticator), "").split(".", 4):
        case [str(state), str(nonce), str(verifier), str(language), str(wanted)] if state and nonce and verifier:
            return PendingSignIn(
                SignInAttempt(state, nonce, verifier), signing.safe_next_url(unquote(wanted)), language
            )
    return None


def _clear_cookie(answer: web.Response, authenticator: Authenticator) -> web.Response:
    """An attempt is for one answer."""
    answer.del_cookie(
        _cookie_name(authenticator),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=csrf.is_over_tls(authenticator.settings),
    )
    return answer


def _chosen_language(pending: PendingSignIn | None, request: web.Request) -> Language:
    if pending is not None and pending.language in ("zh", "en"):
        return "en" if pending.language == "en" else "zh"
    return negotiate_language(request)


def routes() -> list[web.RouteDef]:
    """Return the two addresses; there is nothing at them while no provider is set."""
    return [web.get("/admin/sign-in/openid", begin_sign_in), web.get(client.CALLBACK, finish_sign_in)]
