"""CSRF protection: the session cookie's flags, a form token and the request's origin.

RFC 6265bis for the cookie; Fetch Metadata (w3.org/TR/fetch-metadata) and `Origin` (RFC 6454) for the origin. One of
the three would be enough; browsers or proxies may disable any of them.
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
    # Under `no-referrer` browsers send forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Cookie",
}


class CrossSiteForm(Exception):
    """The form comes from another site or from another session."""


def form_token(cookie: str) -> str:
    """Return the token that a session's forms carry: an HMAC of the cookie's value, in hex."""
    return digest(cookie.encode(), b"form", sha256).hex()


def check_form_token(cookie: str, token: str) -> None:
    """Raise CrossSiteForm if the token is not the session's."""
    if not compare_digest(form_token(cookie).encode(), token.encode()):
        raise CrossSiteForm


def check_origin(request: web.Request, settings: Settings) -> None:
    """Raise CrossSiteForm if the request does not come from one of the service's pages.

    Every current browser sends `Sec-Fetch-Site` or `Origin` with a form.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in (None, "same-origin") or (site is None and origin is None):
        raise CrossSiteForm
    if origin is not None and not _is_same_origin(origin, request, settings):
        raise CrossSiteForm


def _is_same_origin(origin: str, request: web.Request, settings: Settings) -> bool:
    """Return whether the origin is the service's.

    Without `public_url` the scheme is unknown behind a proxy, so that only the host is compared.
    """
    if settings.public_url is not None:
        return origin == settings.public_url
    return urlsplit(origin).netloc == request.host


def set_session_cookie(response: web.StreamResponse, cookie: str, settings: Settings) -> None:
    """Set the session cookie, limited to the administration and hidden from scripts and other sites."""
    response.set_cookie(
        SESSION_COOKIE,
        cookie,
        path=ADMIN_WEB_PREFIX,
        max_age=int(SESSION_DURATION.total_seconds()),
        httponly=True,
        samesite="Strict",
        secure=is_over_tls(settings),
    )


def clear_session_cookie(response: web.StreamResponse, settings: Settings) -> None:
    """Remove the session cookie."""
    response.del_cookie(
        SESSION_COOKIE, path=ADMIN_WEB_PREFIX, httponly=True, samesite="Strict", secure=is_over_tls(settings)
    )


def is_over_tls(settings: Settings) -> bool:
    """Return whether browsers use TLS."""
    return (settings.public_url or "").startswith("https://")
