"""What keeps other people's pages from acting for who is signed in: the cookie's flags, the form's token, the origin.

RFC 6265bis for the cookie; Fetch Metadata (w3.org/TR/fetch-metadata) and `Origin` (RFC 6454) for where a form came
from. Each of the three would do; a change of browsers or of proxies may take one of them away.
"""

from hashlib import sha256
from hmac import compare_digest, digest
from urllib.parse import urlsplit

from aiohttp import web

from ops.admin.auth.session_store import SESSION_DURATION
from ops.settings import Settings

SESSION_COOKIE = "like_ledger_session"
ADMIN_WEB_PREFIX = "/admin"
SECURITY_HEADERS = {
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


class CrossSiteForm(Exception):
    """A form that none of our pages sent, or one of another session."""


def form_token(cookie: str) -> str:
    """Return what the forms of a session carry: it proves to know the cookie, and tells nothing of it."""
    return digest(cookie.encode(), b"form", sha256).hex()


def check_form_token(cookie: str, token: str) -> None:
    """Raise Foreign where a form does not carry its session's token."""
    if not compare_digest(form_token(cookie).encode(), token.encode()):
        raise CrossSiteForm


def check_origin(request: web.Request, settings: Settings) -> None:
    """Raise Foreign where a form was not sent by a page of ours. Every browser of today says where it was."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in (None, "same-origin") or (site is None and origin is None):
        raise CrossSiteForm
    if origin is not None and not _is_same_origin(origin, request, settings):
        raise CrossSiteForm


def _is_same_origin(origin: str, request: web.Request, settings: Settings) -> bool:
    """Behind a proxy the scheme is not known here unless it is set: then the host decides."""
    if settings.public_url is not None:
        return origin == settings.public_url
    return urlsplit(origin).netloc == request.host


def set_session_cookie(answer: web.StreamResponse, cookie: str, settings: Settings) -> None:
    """Have the browser keep a session's cookie: for our pages, out of reach of scripts and of other sites."""
    answer.set_cookie(
        SESSION_COOKIE,
        cookie,
        path=ADMIN_WEB_PREFIX,
        max_age=int(SESSION_DURATION.total_seconds()),
        httponly=True,
        samesite="Strict",
        secure=is_over_tls(settings),
    )


def clear_session_cookie(answer: web.StreamResponse, settings: Settings) -> None:
    """Have the browser forget it."""
    answer.del_cookie(
        SESSION_COOKIE, path=ADMIN_WEB_PREFIX, httponly=True, samesite="Strict", secure=is_over_tls(settings)
    )


def is_over_tls(settings: Settings) -> bool:
    """Tell whether browsers come over TLS."""
    return (settings.public_url or "").startswith("https://")
