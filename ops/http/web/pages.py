"""The pages: what the public sees, in Chinese and English, written by the server; nothing on them needs a script."""

import json
import re
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web
from markupsafe import Markup, escape

from campaigns.reporting.snapshot import instant
from ops.http.core.problems import Problem, problem
from ops.http.core.representations import find
from ops.http.core.responses import CACHING, Handler, reply
from ops.http.core.snapshots import SNAPSHOTS, Prepared, TooOld, hashed
from ops.http.openapi.document import document
from ops.http.web.campaign_view import scene
from ops.http.web.payout_receipt_view import payout_receipt
from ops.i18n import formats
from ops.i18n.language import SITE, TAGS, TEXTS, Language, chosen, say

HTML = "text/html; charset=utf-8"
LANGUAGES: tuple[Language, ...] = ("zh", "en")
_KINDS = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".js": "text/javascript; charset=utf-8"}
_FILES = {file.relative_to(SITE).as_posix(): file for file in SITE.rglob("*") if file.suffix in _KINDS}
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The one page with scripts: modules of ours, which ask nobody else and can make text only, never markup.
_SCRIPTED_POLICY = f"{_POLICY}; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'"
_GUARDS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_WORDS = "proof_"  # what the scripts of /verify say
_COMMANDS = (
    "like-ledger verify-receipt receipt.json --key …",
    "python -m ledger.log.verify https://… --key …",
)
_API = ("/v1/", "/log/", "/openapi.json", "/live", "/ready", "/metrics")
_TOLD = {404: "404", 503: "503"}


def page(draw: Callable[[web.Request, Language], Awaitable[Prepared]], policy: str = _POLICY) -> Handler:
    """Return the handler of a page: guarded headers, and a language that is one of ours."""

    async def drawn(request: web.Request) -> web.StreamResponse:
        if request.query.get("lang") not in (None, *LANGUAGES):
            faults = [{"path": "lang", "reason": "zh, en or left out"}]
            return problem(Problem.UNKNOWN_PARAMETER, faults=faults)
        try:
            answer: web.StreamResponse = reply(request, await draw(request, chosen(request)), CACHING)
        except TooOld:
            return problem(Problem.AWAY)
        answer.headers.update(_GUARDS | {"Content-Security-Policy": policy})
        answer.headers["Vary"] = "Accept-Language"
        return answer

    return drawn


async def home(request: web.Request, language: Language) -> Prepared:
    """Every campaign, oldest first."""
    snapshot = await request.app[SNAPSHOTS].newest()
    return snapshot.prepared(
        home,
        _variant(request, language),
        lambda: html(
            request,
            "home.html",
            language,
            scenes=[scene(each, language) for each in snapshot.standings.values()],
            as_of_exact=instant(snapshot.as_of),
        ),
    )


async def campaign(request: web.Request, language: Language) -> Prepared:
    """One campaign: its promise, its figures and how they come about."""
    snapshot, slug = await request.app[SNAPSHOTS].newest(), request.match_info["slug"]
    standing = find(snapshot, slug)
    variant = f"{_variant(request, language)}/{slug}"
    return snapshot.prepared(
        campaign, variant, lambda: html(request, "campaign.html", language, scene=scene(standing, language))
    )


async def payout(request: web.Request, language: Language) -> Prepared:
    """One payout's receipt, to be kept or printed."""
    snapshot, payout_id = await request.app[SNAPSHOTS].newest(), request.match_info["payout"]
    standing = find(snapshot, request.match_info["slug"])
    found = payout_receipt(standing, payout_id, language)
    if found is None:
        raise web.HTTPNotFound
    variant = f"{_variant(request, language)}/{standing.slug}/{payout_id}"
    return snapshot.prepared(payout, variant, lambda: html(request, "payout.html", language, receipt=found))


async def docs(request: web.Request, language: Language) -> Prepared:
    """The API's description, for people."""
    body, content_type = html(request, "docs.html", language, document=document())
    return Prepared(body, content_type, hashed(body))


async def verify(request: web.Request, language: Language) -> Prepared:
    """The page that checks a receipt with the reader's own machine."""
    words = {key: text[language] for key, text in TEXTS.items() if key.startswith(_WORDS)}
    body, content_type = html(request, "verify.html", language, words=words)
    return Prepared(body, content_type, hashed(body))


def _variant(request: web.Request, language: Language) -> str:
    return f"{language}/{'lang' in request.query}"


def html(request: web.Request, template: str, language: Language, **shown: Any) -> tuple[bytes, str]:
    """Write a page; links keep the language where the address names it."""
    other: Language = "en" if language == "zh" else "zh"
    context = {
        "t": lambda key, **words: say(key, language, **words),
        "language": language,
        "tag": TAGS[language],
        "other": other,
        "other_tag": TAGS[other],
        "other_address": f"{request.path}?lang={other}",
        "keep": f"?lang={language}" if "lang" in request.query else "",
        "commands": _COMMANDS,
        "number": lambda figure: formats.number(figure, language),
        "level": lambda figure: formats.level(figure, language),
        "short_day": lambda day: formats.short_day(day, language),
        "long_day": lambda day: formats.day(day, language),
        **shown,
    }
    return aiohttp_jinja2.render_string(template, request, context).encode(), HTML


@cache
def _file(name: str) -> Prepared:
    file = _FILES[name]
    body = file.read_bytes()
    return Prepared(body, _KINDS[file.suffix], hashed(body))


async def file(request: web.Request) -> web.Response:
    """Send one of the files that the pages are drawn with."""
    name = request.match_info["file"]
    if name not in _FILES:
        raise web.HTTPNotFound
    # Modules that fit together: none may be older than another.
    answer = reply(request, _file(name), "no-cache" if name.endswith(".js") else "public, max-age=300")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@web.middleware
async def for_people(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn a problem into a page where a browser asked for one."""
    answer = await handler(request)
    if answer.content_type != "application/problem+json" or request.path.startswith(_API):
        return answer
    if "text/html" not in request.headers.get("Accept", ""):
        return answer
    told = f"problem_{_TOLD.get(answer.status, 'other')}"
    body, content_type = html(request, "problem.html", chosen(request), told=told, status=answer.status)
    headers = {"Content-Type": content_type, "Cache-Control": "no-store", **_GUARDS}
    headers |= {name: answer.headers[name] for name in ("Retry-After", "Allow") if name in answer.headers}
    return web.Response(body=body, status=answer.status, headers=headers)


def _pretty(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, ensure_ascii=False, indent=2)


def _code(text: str) -> Markup:
    """Return a text whose words in backticks are set as code; all of it escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just here


def set_up(app: web.Application) -> None:
    """Give the application templates that escape what they are given, and pages for what goes wrong."""
    loader = jinja2.FileSystemLoader(SITE / "templates")
    aiohttp_jinja2.setup(
        app,
        loader=loader,
        filters={"pretty": _pretty, "code": _code},
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    app.middlewares.insert(0, for_people)


def routes() -> list[web.RouteDef]:
    """Return the pages' routes."""
    return [
        web.get("/", page(home)),
        web.get("/campaigns/{slug}", page(campaign)),
        web.get("/campaigns/{slug}/payouts/{payout}", page(payout)),
        web.get("/docs", page(docs)),
        web.get("/verify", page(verify, _SCRIPTED_POLICY)),
        web.get("/site/{file:.+}", file),
    ]
