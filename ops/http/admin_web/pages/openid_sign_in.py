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
from ops.http.admin_web.context import answered, elsewhere, refused_at_the_door
from ops.http.admin_web.pages import sign_in as signing
from ops.http.core.authentication import SIGN_IN, SignIn, TooMany
from ops.i18n.language import Language, chosen, say
from ops.openid import client, protocol
from ops.openid.protocol import Attempt, Unproven
from ops.openid.provider import Provider
from sql import AWAY

_SECONDS = 600
_STATUS = {"away": 503, "declined": 401, "unproven": 401}  # 403 where the provider is believed, and it is not enough
_COUNTED = {"unproven"}  # as failures of the address

_log = structlog.get_logger()


class Kept(NamedTuple):
    """What the attempt's cookie holds."""

    attempt: Attempt
    wanted: str
    language: str


def provider(request: web.Request) -> Provider:
    """Return the provider. HTTPNotFound: there is none."""
    found = request.app[signing.OPENID]
    if found is None:
        raise web.HTTPNotFound
    return found


async def begin(request: web.Request) -> web.StreamResponse:
    """Send the browser to the provider; a session that it has ends."""
    own, language = provider(request), chosen(request)
    attempt = Attempt(*(secrets.token_urlsafe(32) for _ in range(3)))
    kept = Kept(attempt, signing.wanted(request.query.get("next", "")), language if "lang" in request.query else "")
    try:
        request.app[SIGN_IN].let_through(request.app[SIGN_IN].address(request))
        address = protocol.address(own.client, await own.metadata(), attempt)
        await signing.end_session(request)
    except Unproven as fault:
        return _told(request, fault, language)
    except (TooMany, *AWAY) as error:
        return refused_at_the_door(request, error)
    answer = elsewhere(address)
    _keep(answer, kept, request.app[SIGN_IN])
    return answer


async def callback(request: web.Request) -> web.StreamResponse:
    """Begin a session for whom the provider names."""
    own, sign_in = provider(request), request.app[SIGN_IN]
    kept = _kept(request, sign_in)
    language = _language(kept, request)
    address = sign_in.address(request)
    try:
        sign_in.let_through(address)
        person = protocol.holder(own.client, await _claims(request, own, kept))
        cookie = await sign_in.begin_for(person)
    except Unproven as fault:
        if fault.told in _COUNTED and kept is not None:
            sign_in.failed(address, "page")
        return _forgotten(_told(request, fault, language, kept.wanted if kept else ""), sign_in)
    except (TooMany, *AWAY) as error:
        return refused_at_the_door(request, error)
    _log.info("signed in", address=address, by="openid")
    answer = answered(request, language, "signed-in", 200, on=_on(kept, language), name=person.name)
    csrf.keep(answer, cookie, sign_in.settings)
    return _forgotten(answer, sign_in)


def _on(kept: Kept | None, language: Language) -> str:
    if kept is None:
        return csrf.PREFIX
    return kept.wanted + (f"?lang={language}" if kept.language else "")


async def _claims(request: web.Request, own: Provider, kept: Kept | None) -> protocol.Claims:
    """Return what the provider says of who came back. A key that nobody knows may be a new one: it is asked again."""
    if kept is None:
        raise Unproven("unproven", "no attempt was begun with this browser, or it is too long ago")
    metadata = await own.metadata()
    code = protocol.code(metadata, kept.attempt, request.query)
    token = await own.redeem(protocol.exchange(own.client, metadata, kept.attempt, code))
    try:
        return protocol.claims(own.client, kept.attempt, await own.keys(), token, utc_now())
    except protocol.UnknownKey:
        return protocol.claims(own.client, kept.attempt, await own.keys(anew=True), token, utc_now())


def _told(request: web.Request, fault: Unproven, language: Language, back_to: str = "") -> web.Response:
    _log.warning("no sign-in by OpenID Connect", told=fault.told, why=str(fault))
    status = _STATUS.get(fault.told, 403)
    answer = signing.asked(
        request, status, language, back_to, fault=say(f"openid_{fault.told}", language, name=fault.name)
    )
    if fault.told == "away":
        answer.headers["Retry-After"] = "60"
    return answer


# --- the attempt's cookie ---


def _cookie(sign_in: SignIn) -> str:
    """Browsers take a name with `__Host-` from this very host alone: no other can plant an attempt (RFC 6265bis)."""
    return f"{'__Host-' if csrf.is_secure(sign_in.settings) else ''}like_ledger_openid"


def _keep(answer: web.StreamResponse, kept: Kept, sign_in: SignIn) -> None:
    held = ".".join((*kept.attempt, kept.language, quote(kept.wanted, safe="")))
    is_secure = csrf.is_secure(sign_in.settings)
    answer.set_cookie(
        _cookie(sign_in), held, path="/", max_age=_SECONDS, httponly=True, samesite="Lax", secure=is_secure
    )


def _kept(request: web.Request, sign_in: SignIn) -> Kept | None:
    match request.cookies.get(_cookie(sign_in), "").split(".", 4):
        case [str(state), str(nonce), str(verifier), str(language), str(wanted)] if state and nonce and verifier:
            return Kept(Attempt(state, nonce, verifier), signing.wanted(unquote(wanted)), language)
    return None


def _forgotten(answer: web.Response, sign_in: SignIn) -> web.Response:
    """An attempt is for one answer."""
    answer.del_cookie(
        _cookie(sign_in), path="/", httponly=True, samesite="Lax", secure=csrf.is_secure(sign_in.settings)
    )
    return answer


def _language(kept: Kept | None, request: web.Request) -> Language:
    if kept is not None and kept.language in ("zh", "en"):
        return "en" if kept.language == "en" else "zh"
    return chosen(request)


def routes() -> list[web.RouteDef]:
    """Return the two addresses; there is nothing at them while no provider is set."""
    return [web.get("/admin/sign-in/openid", begin), web.get(client.CALLBACK, callback)]
