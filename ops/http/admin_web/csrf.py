"""What keeps other people's pages from acting for who is signed in: the cookie's flags, the form's token, the origin.

RFC 6265bis for the cookie; Fetch Metadata (w3.org/TR/fetch-metadata) and `Origin` (RFC 6454) for where a form came
from. Each of the three would do; a change of browsers or of proxies may take one of them away.
"""

from hashlib import sha256
from hmac import compare_digest, digest
from urllib.parse import urlsplit

from aiohttp import web

from ops.admin.auth.session_store import LASTS
from ops.settings import Settings

COOKIE = "like_ledger_session"
PREFIX = "/admin"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # A form under no-referrer is sent with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Cookie",
}


class Foreign(Exception):
    """A form that none of our pages sent, or one of another session."""


def form_token(cookie: str) -> str:
    """Return what the forms of a session carry: it proves to know the cookie, and tells nothing of it."""
    return digest(cookie.encode(), b"form", sha256).hex()


def check_form(cookie: str, given: str) -> None:
    """Raise Foreign where a form does not carry its session's token."""
    if not compare_digest(form_token(cookie).encode(), given.encode()):
        raise Foreign


def check_origin(request: web.Request, settings: Settings) -> None:
    """Raise Foreign where a form was not sent by a page of ours. Every browser of today says where it was."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in (None, "same-origin") or (site is None and origin is None):
        raise Foreign
    if origin is not None and not _is_ours(origin, request, settings):
        raise Foreign


def _is_ours(origin: str, request: web.Request, settings: Settings) -> bool:
    """Behind a proxy the scheme is not known here unless it is set: then the host decides."""
    if settings.public_url is not None:
        return origin == settings.public_url
    return urlsplit(origin).netloc == request.host


def keep(answer: web.StreamResponse, cookie: str, settings: Settings) -> None:
    """Have the browser keep a session's cookie: for our pages, out of reach of scripts and of other sites."""
    answer.set_cookie(
        COOKIE,
        cookie,
        path=PREFIX,
        max_age=int(LASTS.total_seconds()),
        httponly=True,
        samesite="Strict",
        secure=is_secure(settings),
    )


def forget(answer: web.StreamResponse, settings: Settings) -> None:
    """Have the browser forget it."""
    answer.del_cookie(COOKIE, path=PREFIX, httponly=True, samesite="Strict", secure=is_secure(settings))


def is_secure(settings: Settings) -> bool:
    """Tell whether browsers come over TLS."""
    return (settings.public_url or "").startswith("https://")
