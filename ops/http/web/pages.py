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

from campaigns.reporting.snapshot import format_instant
from ops.http.core.app_keys import OPENAPI_DOCUMENT
from ops.http.core.representations import find_campaign
from ops.http.core.responses import CACHE_CONTROL, Handler, check_choice, conditional_response
from ops.http.core.snapshots import SNAPSHOT_CACHE, PreparedResponse, entity_tag
from ops.http.web.campaign_view import build_campaign_page
from ops.http.web.payout_receipt_view import build_payout_receipt
from ops.i18n import formats
from ops.i18n.language import SITE, TAGS, TEXTS, Language, negotiate_language, translate

HTML = "text/html; charset=utf-8"
LANGUAGES: tuple[Language, ...] = ("zh", "en")
_CONTENT_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".js": "text/javascript; charset=utf-8"}
_FILES = {file.relative_to(SITE).as_posix(): file for file in SITE.rglob("*") if file.suffix in _CONTENT_TYPES}
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The one page with scripts: modules of ours, which ask nobody else and can make text only, never markup.
SCRIPTED_POLICY = f"{_POLICY}; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'"
_SECURITY_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_PROOF_PREFIX = "proof_"  # what the scripts of /verify say
_VERIFY_COMMANDS = (
    "like-ledger verify-receipt receipt.json --key …",
    "python -m ledger.log.verify https://… --key …",
)
_API_PREFIXES = ("/v1/", "/log/", "/openapi.json", "/live", "/ready", "/metrics")
_PROBLEM_TEXTS = {404: "404", 503: "503"}


def public_page_handler(
    render: Callable[[web.Request, Language], Awaitable[PreparedResponse]], policy: str = _POLICY
) -> Handler:
    """Return the handler of a page: guarded headers, and a language that is one of ours."""

    async def drawn(request: web.Request) -> web.StreamResponse:
        check_choice(request, "lang", LANGUAGES)
        answer: web.StreamResponse = conditional_response(
            request, await render(request, negotiate_language(request)), CACHE_CONTROL
        )
        answer.headers.update(_SECURITY_HEADERS | {"Content-Security-Policy": policy})
        answer.headers["Vary"] = "Accept-Language"
        return answer

    return drawn


async def render_home(request: web.Request, language: Language) -> PreparedResponse:
    """Every campaign, oldest first."""
    snapshot = await request.app[SNAPSHOT_CACHE].latest()
    return snapshot.prepare(
        render_home,
        _variant_key(request, language),
        lambda: render_html(
            request,
            "home.html",
            language,
            scenes=[build_campaign_page(each, language) for each in snapshot.campaigns.values()],
            as_of_exact=format_instant(snapshot.as_of),
        ),
    )


async def render_campaign(request: web.Request, language: Language) -> PreparedResponse:
    """One campaign: its promise, its figures and how they come about."""
    snapshot, slug = await request.app[SNAPSHOT_CACHE].latest(), request.match_info["slug"]
    standing = find_campaign(snapshot, slug)
    variant = f"{_variant_key(request, language)}/{slug}"
    return snapshot.prepare(
        render_campaign,
        variant,
        lambda: render_html(request, "campaign.html", language, scene=build_campaign_page(standing, language)),
    )


async def render_payout(request: web.Request, language: Language) -> PreparedResponse:
    """One payout's receipt, to be kept or printed."""
    snapshot, payout_id = await request.app[SNAPSHOT_CACHE].latest(), request.match_info["payout"]
    standing = find_campaign(snapshot, request.match_info["slug"])
    found = build_payout_receipt(standing, payout_id, language)
    if found is None:
        raise web.HTTPNotFound
    variant = f"{_variant_key(request, language)}/{standing.slug}/{payout_id}"
    return snapshot.prepare(
        render_payout, variant, lambda: render_html(request, "payout.html", language, receipt=found)
    )


async def render_docs(request: web.Request, language: Language) -> PreparedResponse:
    """The API's description, for people."""
    body, content_type = render_html(request, "docs.html", language, document=request.app[OPENAPI_DOCUMENT]())
    return PreparedResponse(body, content_type, entity_tag(body))


async def render_verify(request: web.Request, language: Language) -> PreparedResponse:
    """The page that checks a receipt with the reader's own machine."""
    words = {key: text[language] for key, text in TEXTS.items() if key.startswith(_PROOF_PREFIX)}
    body, content_type = render_html(request, "verify.html", language, words=words)
    return PreparedResponse(body, content_type, entity_tag(body))


def _variant_key(request: web.Request, language: Language) -> str:
    return f"{language}/{'lang' in request.query}"


def render_html(request: web.Request, template: str, language: Language, **variables: Any) -> tuple[bytes, str]:
    """Write a page; links keep the language where the address names it."""
    other: Language = "en" if language == "zh" else "zh"
    context = {
        "t": lambda key, **words: translate(key, language, **words),
        "language": language,
        "tag": TAGS[language],
        "other": other,
        "other_tag": TAGS[other],
        "other_address": f"{request.path}?lang={other}",
        "keep": f"?lang={language}" if "lang" in request.query else "",
        "commands": _VERIFY_COMMANDS,
        "number": lambda figure: formats.number(figure, language),
        "level": lambda figure: formats.level(figure, language),
        "short_day": lambda day: formats.short_day(day, language),
        "long_day": lambda day: formats.day(day, language),
        **variables,
    }
    return aiohttp_jinja2.render_string(template, request, context).encode(), HTML


@cache
def _load_file(name: str) -> PreparedResponse:
    file = _FILES[name]
    body = file.read_bytes()
    return PreparedResponse(body, _CONTENT_TYPES[file.suffix], entity_tag(body))


async def serve_file(request: web.Request) -> web.Response:
    """Send one of the files that the pages are drawn with."""
    name = request.match_info["file"]
    if name not in _FILES:
        raise web.HTTPNotFound
    # Modules that fit together: none may be older than another.
    answer = conditional_response(
        request, _load_file(name), "no-cache" if name.endswith(".js") else "public, max-age=300"
    )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@web.middleware
async def render_problem_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn a problem into a page where a browser asked for one."""
    answer = await handler(request)
    if answer.content_type != "application/problem+json" or request.path.startswith(_API_PREFIXES):
        return answer
    if "text/html" not in request.headers.get("Accept", ""):
        return answer
    told = f"problem_{_PROBLEM_TEXTS.get(answer.status, 'other')}"
    body, content_type = render_html(
        request, "problem.html", negotiate_language(request), told=told, status=answer.status
    )
    headers = {"Content-Type": content_type, "Cache-Control": "no-store", **_SECURITY_HEADERS}
    headers |= {name: answer.headers[name] for name in ("Retry-After", "Allow") if name in answer.headers}
    return web.Response(body=body, status=answer.status, headers=headers)


def _format_example(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, ensure_ascii=False, indent=2)


def _mark_code(text: str) -> Markup:
    """Return a text whose words in backticks are set as code; all of it escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just here


def set_up(app: web.Application) -> None:
    """Give the application templates that escape what they are given, and pages for what goes wrong."""
    loader = jinja2.FileSystemLoader(SITE / "templates")
    aiohttp_jinja2.setup(
        app,
        loader=loader,
        filters={"pretty": _format_example, "code": _mark_code},
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    app.middlewares.insert(0, render_problem_pages)
