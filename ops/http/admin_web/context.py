"""The context of an administration page: visitor, language and form; refusals become pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import web

from campaigns.errors import RequestRefused, ValidationFailed
from campaigns.intake.payload import BODY_BYTES_MAX
from ledger.errors import LedgerError
from ops.admin import registry
from ops.admin.core.actor import Actor, Role
from ops.admin.core.command import CommandContext, is_allowed
from ops.admin.core.errors import Forbidden
from ops.clock import utc_now
from ops.http.admin_web import csrf
from ops.http.admin_web.csrf import CrossSiteForm
from ops.http.core.app_keys import COMMAND_SERVICES
from ops.http.core.authentication import AUTHENTICATOR, InvalidCredentials, RateLimited
from ops.http.core.outages import record_outage
from ops.http.core.problems import Problem, find_problem
from ops.http.core.responses import Handler, check_choice
from ops.http.web.pages import LANGUAGES, render_html
from ops.i18n import labels
from ops.i18n.language import Language, negotiate_language
from ops.i18n.refusals import refusal_text
from sql import is_unavailable

SIGN_IN_PATH = "/admin/sign-in"
_FIELDS_MAX = 2_000
_FORM_OVERHEAD_BYTES = 64 * 1024
_FILE_FIELD = "content"
_RETRY_AFTER_SECONDS = "60"
_DEDICATED_PAGES = {"/campaigns", "/proposals"}  # lists with pages of their own
_REVIEW_PAGE, _REVIEW_LISTS = "/review", "/review/"  # the page links to its lists


@dataclass(frozen=True, slots=True)
class PageContext:
    """A request of a signed-in person."""

    request: web.Request
    actor: Actor
    cookie: str
    language: Language
    form: Mapping[str, str]  # empty for GET

    @property
    def lang_query(self) -> str:
        """The query that keeps the language in a link."""
        return f"?lang={self.language}" if "lang" in self.request.query else ""

    def render(self, template: str, status: int = 200, **variables: Any) -> web.Response:
        """Return a page."""
        common = {
            "actor": self.actor,
            "form_token": csrf.form_token(self.cookie),
            "menu_links": menu_links(self.actor, self.language),
        }
        return render_admin_page(self.request, self.language, template, status, **common, **variables)

    def redirect(self, url: str) -> web.Response:
        """Return 303 See Other to another page, in the same language."""
        return see_other(url + self.lang_query)

    def require_role(self, roles: frozenset[Role]) -> None:
        """Raise Forbidden if the visitor's role may not see the page."""
        if not is_allowed(self.actor, roles):
            raise Forbidden("not_for_role", role=self.actor.role)

    @asynccontextmanager
    async def command_context(self) -> AsyncIterator[CommandContext]:
        """Yield a command context on one read-only snapshot of the database."""
        services = self.request.app[COMMAND_SERVICES]
        async with services.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            yield CommandContext(conn, self.actor, services.keys, services.settings, utc_now())


PageFunction = Callable[[PageContext], Awaitable[web.StreamResponse]]


def see_other(url: str) -> web.Response:
    """Return 303 See Other."""
    return web.Response(status=303, headers={"Location": url, **csrf.SECURITY_HEADERS})


def menu_links(actor: Actor, language: Language) -> list[tuple[str, str]]:
    """Return path and title of the lists that the actor may see and that have no page of their own."""
    endpoints = [
        endpoint
        for endpoint in registry.LIST_ENDPOINTS
        if "{" not in endpoint.path and endpoint.path not in _DEDICATED_PAGES and is_allowed(actor, endpoint.roles)
    ]
    is_reviewed = any(endpoint.path.startswith(_REVIEW_LISTS) for endpoint in endpoints)
    review = [(_REVIEW_PAGE, labels.lookup_text("list", "review", language))] if is_reviewed else []
    return review + [
        (endpoint.path, labels.lookup_text("list", endpoint.path.strip("/"), language))
        for endpoint in endpoints
        if not endpoint.path.startswith(_REVIEW_LISTS)
    ]


def render_admin_page(
    request: web.Request, language: Language, template: str, status: int, **variables: Any
) -> web.Response:
    """Return a page of the administration with its security headers."""
    variables = {
        "actor": None,
        "form_token": "",
        "menu_links": [],
        "path": request.path,
        "status": status,
    } | variables
    body, content_type = render_html(request, f"admin/{template}.html", language, **variables)
    return web.Response(body=body, status=status, headers={"Content-Type": content_type, **csrf.SECURITY_HEADERS})


def page_handler(page: PageFunction) -> Handler:
    """Return the handler of a page for signed-in people."""

    async def handler(request: web.Request) -> web.StreamResponse:
        check_choice(request, "lang", LANGUAGES)
        try:
            return await _serve_page(request, page)
        except InvalidCredentials:
            return _redirect_to_sign_in(request)
        except Exception as error:  # noqa: BLE001 - a bug is raised again
            return render_blocked(request, error)

    return handler


async def _serve_page(request: web.Request, page: PageFunction) -> web.StreamResponse:
    context = await _authenticate(request)
    try:
        return await page(context)
    except (RequestRefused, LedgerError) as error:
        sentences = refusal_sentences(error, context.language)
        return context.render("refused", status_of(error), refusals=sentences, back_url=_back_url(request))


async def _authenticate(request: web.Request) -> PageContext:
    """Return the page context of a signed-in person; the origin is checked before the form is read.

    Raises InvalidCredentials, RateLimited or CrossSiteForm.
    """
    cookie, authenticator = request.cookies.get(csrf.SESSION_COOKIE, ""), request.app[AUTHENTICATOR]
    is_form = request.method == "POST"
    if is_form:
        csrf.check_origin(request, authenticator.settings)
    actor = await authenticator.authenticate_session(cookie, authenticator.client_address(request))
    form = await read_form(request) if is_form else {}
    if is_form:
        csrf.check_form_token(cookie, form.get("form_token", ""))
    return PageContext(request, actor, cookie, negotiate_language(request), form)


def status_of(error: RequestRefused | LedgerError) -> int:
    """Return the HTTP status of a refusal's page. Pure."""
    return (find_problem(error) or Problem.CONFLICT).status.value


def refusal_sentences(error: RequestRefused | LedgerError, language: Language) -> list[str]:
    """Return the sentences of a refusal: one for each field error. Pure."""
    if isinstance(error, ValidationFailed):
        return [f"{labels.path_label(e.path, language)}: {refusal_text(e, language)}" for e in error.field_errors]
    return [refusal_text(error, language)]


def _back_url(request: web.Request) -> str | None:
    """Return the path of the administration page that the visitor came from, if any."""
    referer = urlsplit(request.headers.get("Referer", ""))
    is_admin_page = referer.netloc == request.host and referer.path.startswith(f"{csrf.ADMIN_WEB_PREFIX}/")
    is_another_page = request.method == "POST" or referer.path != request.path
    return referer.path if is_admin_page and is_another_page else None


async def read_form(request: web.Request) -> Mapping[str, str]:
    """Return a form's values by name; a file is text that `to_file_bytes` turns back into bytes.

    Raises CrossSiteForm if the service's pages cannot have sent the form.
    """
    try:
        form = await request.clone(client_max_size=_form_bytes_max(request)).post()
    except (ValueError, LookupError, RuntimeError):  # aiohttp: the body is not a form, or has an unknown charset
        raise CrossSiteForm from None
    fields = [(name, _read_value(value)) for name, value in form.items()]
    has_broken_text = any(not _is_utf8(text) for name, text in fields if name != _FILE_FIELD)
    if has_broken_text or len(fields) > _FIELDS_MAX or len(set(form)) != len(form):
        raise CrossSiteForm
    return dict(fields)


def _read_value(value: Any) -> str:
    if isinstance(value, str):
        return value
    with value.file as file:
        return str(file.read().decode(errors="surrogateescape"))


def _is_utf8(text: str) -> bool:
    """Return whether a text is valid Unicode; a file sent in a text field may not be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_file_bytes(text: str) -> bytes:
    """Return the bytes of an uploaded file."""
    return text.encode(errors="surrogateescape")


def _form_bytes_max(request: web.Request) -> int:
    """Return the size limit of a form in bytes; commands that accept files have their own."""
    try:
        return registry.find_command(request.match_info.get("command", "")).bytes_max + _FORM_OVERHEAD_BYTES
    except KeyError:
        return BODY_BYTES_MAX


def _redirect_to_sign_in(request: web.Request) -> web.Response:
    """Redirect to the sign-in page, which leads back to the requested page."""
    lang = f"&lang={request.query['lang']}" if "lang" in request.query else ""
    next_path = quote(request.path, safe="/") if request.method == "GET" else csrf.ADMIN_WEB_PREFIX
    response = see_other(f"{SIGN_IN_PATH}?next={next_path}{lang}")
    if csrf.SESSION_COOKIE in request.cookies:
        csrf.clear_session_cookie(response, request.app[AUTHENTICATOR].settings)
    return response


def render_blocked(request: web.Request, error: Exception) -> web.Response:
    """Return the page for a request that was not processed: 403, 429 or 503. Raises a bug itself."""
    text_key, status = _blocked_reason(error)
    record_outage(request, error)
    response = render_admin_page(request, negotiate_language(request), "blocked", status, text_key=text_key)
    if status in (429, 503):
        response.headers["Retry-After"] = _RETRY_AFTER_SECONDS
    return response


def _blocked_reason(error: Exception) -> tuple[str, int]:
    if isinstance(error, CrossSiteForm):
        return "cross_site_form", 403
    if isinstance(error, RateLimited):
        return "rate_limited", 429
    if is_unavailable(error):
        return "database_unavailable", 503
    raise error
