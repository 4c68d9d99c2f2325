"""A visit: who looks at a page, in which language; what is refused becomes a page that says so."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import web

from campaigns.errors import Faulty, NotFound, Refused
from campaigns.intake.payload import BODY_BYTES_MAX
from ledger.errors import LedgerError
from ops.admin import registry
from ops.admin.core.actor import Actor, Role
from ops.admin.core.command import Desk, may
from ops.admin.core.errors import Forbidden
from ops.clock import utc_now
from ops.http.admin_web import csrf
from ops.http.admin_web.csrf import Foreign
from ops.http.core.app_keys import OFFICE
from ops.http.core.authentication import SIGN_IN, TooMany, Unknown
from ops.http.core.problems import Problem, problem
from ops.http.core.responses import Handler
from ops.http.web.pages import LANGUAGES, html
from ops.i18n import labels
from ops.i18n.language import Language, chosen
from ops.i18n.refusals import reason
from sql import AWAY

SIGN_IN_AT = "/admin/sign-in"
_STATUS: Mapping[type[Exception], int] = {
    Forbidden: 403,
    NotFound: 404,
    Faulty: 422,
    Refused: 409,
    LedgerError: 409,
}
_FIELDS_MAX = 2_000
_BESIDE_A_FILE = 64 * 1024
_FILE = "content"  # the field that takes a file
_OWN_PAGES = {"/campaigns", "/proposals"}  # listed in a way of their own


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is signed in."""

    request: web.Request
    actor: Actor
    cookie: str
    language: Language
    form: Mapping[str, str]  # what a form sent; empty where the page was only asked for

    @property
    def keep(self) -> str:
        """The query that keeps the language in a link."""
        return f"?lang={self.language}" if "lang" in self.request.query else ""

    def page(self, template: str, status: int = 200, **shown: Any) -> web.Response:
        """Return a page."""
        own = {"actor": self.actor, "form_token": csrf.form_token(self.cookie)}
        own |= {"menu": menu(self.actor, self.language)}
        return answered(self.request, self.language, template, status, **own, **shown)

    def to(self, address: str) -> web.Response:
        """Send the browser to another page, to be asked for with GET."""
        return elsewhere(address + self.keep)

    def may(self, roles: frozenset[Role]) -> None:
        """Raise Forbidden where the page is not for the visitor's role."""
        if not may(self.actor, roles):
            raise Forbidden(f"this is not for the role {self.actor.role}")

    @asynccontextmanager
    async def desk(self) -> Any:
        """Yield a desk to read from: one snapshot."""
        office = self.request.app[OFFICE]
        async with office.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            yield Desk(conn, self.actor, office.keys, office.settings, utc_now())


Draw = Callable[[Visit], Awaitable[web.StreamResponse]]


def elsewhere(address: str) -> web.Response:
    """Return 303 See Other."""
    return web.Response(status=303, headers={"Location": address, **csrf.HEADERS})


def menu(actor: Actor, language: Language) -> list[tuple[str, str]]:
    """Return the lists that somebody may look at, beside the pages that everybody has."""
    places = [(each.path, each) for each in registry.LISTINGS if "{" not in each.path and each.path not in _OWN_PAGES]
    return [
        (path, labels.known("list", path.strip("/"), language)) for path, each in places if may(actor, each.roles)
    ]


def answered(request: web.Request, language: Language, template: str, status: int, **shown: Any) -> web.Response:
    """Return a page of the administration, guarded."""
    shown = {"actor": None, "form_token": "", "menu": [], "path": request.path, "status": status} | shown
    body, content_type = html(request, f"admin/{template}.html", language, **shown)
    return web.Response(body=body, status=status, headers={"Content-Type": content_type, **csrf.HEADERS})


def visited(draw: Draw) -> Handler:
    """Return the handler of a page for people who are signed in."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.query.get("lang") not in (None, *LANGUAGES):
            faults = [{"path": "lang", "reason": "zh, en or left out"}]
            return problem(Problem.UNKNOWN_PARAMETER, faults=faults)
        try:
            return await _drawn(request, draw)
        except Unknown:
            return _to_sign_in(request)
        except (TooMany, Foreign, *AWAY) as error:
            return refused_at_the_door(request, error)

    return handler


async def _drawn(request: web.Request, draw: Draw) -> web.StreamResponse:
    cookie, own = request.cookies.get(csrf.COOKIE, ""), request.app[SIGN_IN]
    if request.method == "POST":
        csrf.check_origin(request, own.settings)
    actor = await own.by_session(cookie, own.address(request))
    form = await typed(request) if request.method == "POST" else {}
    if request.method == "POST":
        csrf.check_form(cookie, form.get("form_token", ""))
    visit = Visit(request, actor, cookie, chosen(request), form)
    try:
        return await draw(visit)
    except (Refused, LedgerError) as error:
        return visit.page("refused", status_of(error), refusals=said(error, visit.language), back=_back(request))


def status_of(error: Refused | LedgerError) -> int:
    """Return the status of a page that tells of a refusal. Pure."""
    return next(status for kind, status in _STATUS.items() if isinstance(error, kind))


def said(error: Refused | LedgerError, language: Language) -> list[str]:
    """Return what to say of a refusal, a sentence for each thing that is wrong. Pure."""
    if isinstance(error, Faulty):
        return [
            f"{labels.where(each.path, language)}: {reason(each.reason, None, language)}" for each in error.faults
        ]
    return [reason(str(error), None, language)]


def _back(request: web.Request) -> str | None:
    """Return the page of ours that somebody came from; None: none is known."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    is_ours = came_from.netloc == request.host and came_from.path.startswith(f"{csrf.PREFIX}/")
    is_another = request.method == "POST" or came_from.path != request.path
    return came_from.path if is_ours and is_another else None


async def typed(request: web.Request) -> Mapping[str, str]:
    """Return what a form sent, each name once; a file as text from which `as_bytes` gets its bytes back.

    Foreign: no page of ours makes such a form.
    """
    try:
        form = await request.clone(client_max_size=_bytes_max(request)).post()
    except (ValueError, LookupError, RuntimeError):  # what aiohttp says of a body that is no form, or of no charset
        raise Foreign from None
    read = [(name, _text(value)) for name, value in form.items()]
    are_torn = any(_is_torn(text) for name, text in read if name != _FILE)
    if are_torn or len(read) > _FIELDS_MAX or len(set(form)) != len(form):
        raise Foreign
    return dict(read)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    with value.file as file:
        return str(file.read().decode(errors="surrogateescape"))


def _is_torn(text: str) -> bool:
    """Tell whether a text is none, for it was sent as a file of other bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def as_bytes(text: str) -> bytes:
    """Return the bytes of a file that a form sent."""
    return text.encode(errors="surrogateescape")


def _bytes_max(request: web.Request) -> int:
    """Return how much a form may send: some commands take a file."""
    try:
        return registry.find(request.match_info.get("command", "")).bytes_max + _BESIDE_A_FILE
    except KeyError:
        return BODY_BYTES_MAX


def _to_sign_in(request: web.Request) -> web.Response:
    """Send who is not signed in to do so, and back to where they wanted to go."""
    lang = f"&lang={request.query['lang']}" if "lang" in request.query else ""
    came_for = quote(request.path, safe="/") if request.method == "GET" else csrf.PREFIX
    answer = elsewhere(f"{SIGN_IN_AT}?next={came_for}{lang}")
    if csrf.COOKIE in request.cookies:
        csrf.forget(answer, request.app[SIGN_IN].settings)
    return answer


def refused_at_the_door(request: web.Request, error: Exception) -> web.Response:
    """Return the page that says why nothing was looked at."""
    told, status = ("foreign", 403) if isinstance(error, Foreign) else ("away", 503)
    if isinstance(error, TooMany):
        told, status = "too_many", 429
    answer = answered(request, chosen(request), "door", status, told=told)
    if status in (429, 503):
        answer.headers["Retry-After"] = "60"
    return answer
