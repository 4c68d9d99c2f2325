"""A visit: who looks at a page, in which language; what is refused becomes a page that says so."""

from collections.abc import Awaitable, Callable, Mapping
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
from ops.http.core.problems import Problem, find_problem
from ops.http.core.responses import Handler, check_choice
from ops.http.web.pages import LANGUAGES, render_html
from ops.i18n import labels
from ops.i18n.language import Language, negotiate_language
from ops.i18n.refusals import refusal_text
from sql import UNAVAILABLE_ERRORS

SIGN_IN_PATH = "/admin/sign-in"
_FIELDS_MAX = 2_000
_FORM_OVERHEAD_BYTES = 64 * 1024
_FILE_FIELD = "content"  # the field that takes a file
_DEDICATED_PAGES = {"/campaigns", "/proposals"}  # listed in a way of their own


@dataclass(frozen=True, slots=True)
class PageContext:
    """One request of somebody who is signed in."""

    request: web.Request
    actor: Actor
    cookie: str
    language: Language
    form: Mapping[str, str]  # what a form sent; empty where the page was only asked for

    @property
    def lang_query(self) -> str:
        """The query that keeps the language in a link."""
        return f"?lang={self.language}" if "lang" in self.request.query else ""

    def render(self, template: str, status: int = 200, **variables: Any) -> web.Response:
        """Return a page."""
        own = {"actor": self.actor, "form_token": csrf.form_token(self.cookie)}
        own |= {"menu": menu_links(self.actor, self.language)}
        return render_admin_page(self.request, self.language, template, status, **own, **variables)

    def redirect(self, url: str) -> web.Response:
        """Send the browser to another page, to be asked for with GET."""
        return see_other(url + self.lang_query)

    def require_role(self, roles: frozenset[Role]) -> None:
        """Raise Forbidden where the page is not for the visitor's role."""
        if not is_allowed(self.actor, roles):
            raise Forbidden(f"this is not for the role {self.actor.role}")

    @asynccontextmanager
    async def command_context(self) -> Any:
        """Yield a desk to read from: one snapshot."""
        office = self.request.app[COMMAND_SERVICES]
        async with office.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            yield CommandContext(conn, self.actor, office.keys, office.settings, utc_now())


PageFunction = Callable[[PageContext], Awaitable[web.StreamResponse]]


def see_other(url: str) -> web.Response:
    """Return 303 See Other."""
    return web.Response(status=303, headers={"Location": url, **csrf.SECURITY_HEADERS})


def menu_links(actor: Actor, language: Language) -> list[tuple[str, str]]:
    """Return the lists that somebody may look at, beside the pages that everybody has."""
    places = [
        (each.path, each)
        for each in registry.LIST_ENDPOINTS
        if "{" not in each.path and each.path not in _DEDICATED_PAGES
    ]
    return [
        (path, labels.lookup_text("list", path.strip("/"), language))
        for path, each in places
        if is_allowed(actor, each.roles)
    ]


def render_admin_page(
    request: web.Request, language: Language, template: str, status: int, **variables: Any
) -> web.Response:
    """Return a page of the administration, guarded."""
    variables = {"actor": None, "form_token": "", "menu": [], "path": request.path, "status": status} | variables
    body, content_type = render_html(request, f"admin/{template}.html", language, **variables)
    return web.Response(body=body, status=status, headers={"Content-Type": content_type, **csrf.SECURITY_HEADERS})


def page_handler(page: PageFunction) -> Handler:
    """Return the handler of a page for people who are signed in."""

    async def handler(request: web.Request) -> web.StreamResponse:
        check_choice(request, "lang", LANGUAGES)
        try:
            return await _serve_page(request, page)
        except InvalidCredentials:
            return _redirect_to_sign_in(request)
        except (RateLimited, CrossSiteForm, *UNAVAILABLE_ERRORS) as error:
            return render_blocked(request, error)

    return handler


async def _serve_page(request: web.Request, page: PageFunction) -> web.StreamResponse:
    cookie, own = request.cookies.get(csrf.SESSION_COOKIE, ""), request.app[AUTHENTICATOR]
    if request.method == "POST":
        csrf.check_origin(request, own.settings)
    actor = await own.authenticate_session(cookie, own.client_address(request))
    form = await read_form(request) if request.method == "POST" else {}
    if request.method == "POST":
        csrf.check_form_token(cookie, form.get("form_token", ""))
    visit = PageContext(request, actor, cookie, negotiate_language(request), form)
    try:
        return await page(visit)
    except (RequestRefused, LedgerError) as error:
        return visit.render(
            "refused", status_of(error), refusals=describe_refusal(error, visit.language), back=_back_url(request)
        )


def status_of(error: RequestRefused | LedgerError) -> int:
    """Return the status of a page that tells of a refusal. Pure."""
    return (find_problem(error) or Problem.CONFLICT).status.value


def describe_refusal(error: RequestRefused | LedgerError, language: Language) -> list[str]:
    """Return what to say of a refusal, a sentence for each thing that is wrong. Pure."""
    if isinstance(error, ValidationFailed):
        return [
            f"{labels.path_label(each.path, language)}: {refusal_text(each, language)}" for each in error.field_errors
        ]
    return [refusal_text(error, language)]


def _back_url(request: web.Request) -> str | None:
    """Return the page of ours that somebody came from; None: none is known."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    is_ours = came_from.netloc == request.host and came_from.path.startswith(f"{csrf.ADMIN_WEB_PREFIX}/")
    is_another = request.method == "POST" or came_from.path != request.path
    return came_from.path if is_ours and is_another else None


async def read_form(request: web.Request) -> Mapping[str, str]:
    """Return what a form sent, each name once; a file as text from which `as_bytes` gets its bytes back.

    Foreign: no page of ours makes such a form.
    """
    try:
        form = await request.clone(client_max_size=_form_bytes_max(request)).post()
    except (ValueError, LookupError, RuntimeError):  # what aiohttp says of a body that is no form, or of no charset
        raise CrossSiteForm from None
    read = [(name, _read_value(value)) for name, value in form.items()]
    are_torn = any(_is_not_utf8(text) for name, text in read if name != _FILE_FIELD)
    if are_torn or len(read) > _FIELDS_MAX or len(set(form)) != len(form):
        raise CrossSiteForm
    return dict(read)


def _read_value(value: Any) -> str:
    if isinstance(value, str):
        return value
    with value.file as file:
        return str(file.read().decode(errors="surrogateescape"))


def _is_not_utf8(text: str) -> bool:
    """Tell whether a text is none, for it was sent as a file of other bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def to_file_bytes(text: str) -> bytes:
    """Return the bytes of a file that a form sent."""
    return text.encode(errors="surrogateescape")


def _form_bytes_max(request: web.Request) -> int:
    """Return how much a form may send: some commands take a file."""
    try:
        return registry.find_command(request.match_info.get("command", "")).bytes_max + _FORM_OVERHEAD_BYTES
    except KeyError:
        return BODY_BYTES_MAX


def _redirect_to_sign_in(request: web.Request) -> web.Response:
    """Send who is not signed in to do so, and back to where they wanted to go."""
    lang = f"&lang={request.query['lang']}" if "lang" in request.query else ""
    came_for = quote(request.path, safe="/") if request.method == "GET" else csrf.ADMIN_WEB_PREFIX
    answer = see_other(f"{SIGN_IN_PATH}?next={came_for}{lang}")
    if csrf.SESSION_COOKIE in request.cookies:
        csrf.clear_session_cookie(answer, request.app[AUTHENTICATOR].settings)
    return answer


def render_blocked(request: web.Request, error: Exception) -> web.Response:
    """Return the page that says why nothing was looked at."""
    told, status = ("foreign", 403) if isinstance(error, CrossSiteForm) else ("away", 503)
    if isinstance(error, RateLimited):
        told, status = "too_many", 429
    answer = render_admin_page(request, negotiate_language(request), "door", status, told=told)
    if status in (429, 503):
        answer.headers["Retry-After"] = "60"
    return answer
