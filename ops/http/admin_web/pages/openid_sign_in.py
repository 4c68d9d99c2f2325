"""Sign-in by OpenID Connect; `ops.openid.protocol` checks the provider's answers.

    sign-in ──▶ /admin/sign-in/openid ──▶ the provider ──▶ …/callback ──▶ a page that leads to the administration

A cookie keeps the state of the attempt for ten minutes. It is `SameSite=Lax`, since the browser returns from another
site. The session cookie is `Strict`: browsers do not send it while following redirects from the provider. So the
callback answers with a page of this site, and the navigation continues from there.
"""

import secrets
from typing import NamedTuple
from urllib.parse import quote, unquote

import structlog
from aiohttp import web

from ops.clock import utc_now
from ops.http.admin_web import csrf
from ops.http.admin_web.context import render_admin_page, render_blocked, see_other
from ops.http.admin_web.pages import sign_in
from ops.http.core.authentication import AUTHENTICATOR, Authenticator
from ops.i18n.language import Language, negotiate_language, translate
from ops.openid import client, protocol
from ops.openid.protocol import SignInAttempt, Unproven
from ops.openid.provider import Provider

_COOKIE_SECONDS = 600
_SECRET_BYTES = 32
# Any other failure is 403: the provider's answer is valid but does not allow a sign-in.
_STATUS = {"away": 503, "declined": 401, "unproven": 401}
_COUNTED_FAILURES = {"unproven"}  # count towards the address's rate limit

_log = structlog.get_logger()


class PendingSignIn(NamedTuple):
    """The content of the attempt's cookie."""

    attempt: SignInAttempt
    next_url: str
    language: str


def require_provider(request: web.Request) -> Provider:
    """Return the provider.

    Raises HTTPNotFound if none is configured.
    """
    provider = request.app[sign_in.OPENID_PROVIDER]
    if provider is None:
        raise web.HTTPNotFound
    return provider


async def begin_sign_in(request: web.Request) -> web.StreamResponse:
    """Redirect the browser to the provider and end its current session."""
    provider, authenticator = require_provider(request), request.app[AUTHENTICATOR]
    language = negotiate_language(request)
    pending = _new_attempt(request, language)
    try:
        authenticator.check_rate_limit(authenticator.client_address(request), "openid")
        url = protocol.authorization_url(provider.client, await provider.metadata(), pending.attempt)
        await sign_in.end_session(request)
    except Unproven as failure:
        return _render_failure(request, failure, language)
    except Exception as error:  # noqa: BLE001 - a bug is raised again
        return render_blocked(request, error)
    response = see_other(url)
    _set_cookie(response, pending, authenticator)
    return response


def _new_attempt(request: web.Request, language: Language) -> PendingSignIn:
    attempt = SignInAttempt(*(secrets.token_urlsafe(_SECRET_BYTES) for _ in range(3)))
    next_url = sign_in.safe_next_url(request.query.get("next", ""))
    return PendingSignIn(attempt, next_url, language if "lang" in request.query else "")


async def finish_sign_in(request: web.Request) -> web.StreamResponse:
    """Start a session for the person whom the provider names."""
    provider, authenticator = require_provider(request), request.app[AUTHENTICATOR]
    pending = _read_cookie(request, authenticator)
    language = _chosen_language(pending, request)
    address = authenticator.client_address(request)
    try:
        authenticator.check_rate_limit(address, "openid")
        identity = protocol.read_identity(provider.client, await _fetch_claims(request, provider, pending))
        cookie = await authenticator.begin_openid_session(identity)
    except Unproven as failure:
        if failure.code in _COUNTED_FAILURES and pending is not None:
            authenticator.record_failure(address, "page", "openid")
        next_url = pending.next_url if pending else ""
        return _clear_cookie(_render_failure(request, failure, language, next_url), authenticator)
    except Exception as error:  # noqa: BLE001 - a bug is raised again
        return render_blocked(request, error)
    _log.info("signed in", address=address, by="openid")
    variables = {"continue_url": _continue_url(pending, language), "name": identity.name}
    response = render_admin_page(request, language, "signed-in", 200, **variables)
    csrf.set_session_cookie(response, cookie, authenticator.settings)
    return _clear_cookie(response, authenticator)


def _continue_url(pending: PendingSignIn | None, language: Language) -> str:
    if pending is None:
        return csrf.ADMIN_WEB_PREFIX
    return pending.next_url + (f"?lang={language}" if pending.language else "")


async def _fetch_claims(request: web.Request, provider: Provider, pending: PendingSignIn | None) -> protocol.Claims:
    """Return the verified claims; an unknown key may be a new one, so that the keys are fetched again once.

    Raises Unproven if there is no pending attempt or the provider's answer is not valid.
    """
    if pending is None:
        raise Unproven("unproven", "this browser has no pending attempt, or it has expired")
    attempt, metadata = pending.attempt, await provider.metadata()
    code = protocol.authorization_code(metadata, attempt, request.query)
    token = await provider.redeem_code(protocol.token_request(provider.client, metadata, attempt, code))
    try:
        return protocol.verify_id_token(provider.client, attempt, await provider.keys(), token, utc_now())
    except protocol.UnknownKey:
        keys = await provider.keys(refresh=True)
        return protocol.verify_id_token(provider.client, attempt, keys, token, utc_now())


def _render_failure(request: web.Request, failure: Unproven, language: Language, next_url: str = "") -> web.Response:
    _log.warning("sign-in by OpenID Connect failed", code=failure.code, reason=str(failure))
    status = _STATUS.get(failure.code, 403)
    text = translate(f"openid_{failure.code}", language, name=failure.name)
    response = sign_in.render_sign_in(request, status, language, next_url, fault=text)
    if failure.code == "away":
        response.headers["Retry-After"] = "60"
    return response


# --- the attempt's cookie ---


def _cookie_name(authenticator: Authenticator) -> str:
    """Return the cookie's name; `__Host-` keeps other hosts from setting an attempt (RFC 6265bis)."""
    return f"{'__Host-' if csrf.is_over_tls(authenticator.settings) else ''}like_ledger_openid"


def _set_cookie(response: web.StreamResponse, pending: PendingSignIn, authenticator: Authenticator) -> None:
    response.set_cookie(
        _cookie_name(authenticator),
        ".".join((*pending.attempt, pending.language, quote(pending.next_url, safe=""))),
        path="/",
        max_age=_COOKIE_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=csrf.is_over_tls(authenticator.settings),
    )


def _read_cookie(request: web.Request, authenticator: Authenticator) -> PendingSignIn | None:
    match request.cookies.get(_cookie_name(authenticator), "").split(".", 4):
        case [str(state), str(nonce), str(verifier), str(language), str(next_url)] if state and nonce and verifier:
            attempt = SignInAttempt(state, nonce, verifier)
            return PendingSignIn(attempt, sign_in.safe_next_url(unquote(next_url)), language)
    return None


def _clear_cookie(response: web.Response, authenticator: Authenticator) -> web.Response:
    """Remove the cookie: an attempt is valid for one callback."""
    response.del_cookie(
        _cookie_name(authenticator),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=csrf.is_over_tls(authenticator.settings),
    )
    return response


def _chosen_language(pending: PendingSignIn | None, request: web.Request) -> Language:
    if pending is not None and pending.language in ("zh", "en"):
        return "en" if pending.language == "en" else "zh"
    return negotiate_language(request)


def routes() -> list[web.RouteDef]:
    """Return the two routes; both answer 404 without a configured provider."""
    return [web.get("/admin/sign-in/openid", begin_sign_in), web.get(client.CALLBACK, finish_sign_in)]
