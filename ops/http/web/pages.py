"""The public pages in Chinese and English, rendered by the server; only `/verify` needs a script."""

import json
import re
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web
from markupsafe import Markup, escape

from campaigns.errors import NotFound, printable
from campaigns.reporting.snapshot import format_instant
from ops.http.core.app_keys import OPENAPI_DOCUMENT
from ops.http.core.problems import REFUSAL
from ops.http.core.representations import find_campaign
from ops.http.core.responses import CACHE_CONTROL, Handler, check_choice, conditional_response
from ops.http.core.snapshots import SNAPSHOT_CACHE, PreparedResponse, entity_tag
from ops.http.web.campaign_view import build_campaign_page
from ops.http.web.payout_receipt_view import build_payout_receipt
from ops.i18n import formats
from ops.i18n.language import SITE, TAGS, TEXTS, Language, negotiate_language, translate
from ops.i18n.refusals import refusal_text

HTML = "text/html; charset=utf-8"
LANGUAGES: tuple[Language, ...] = ("zh", "en")
_CONTENT_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".js": "text/javascript; charset=utf-8"}
_FILES = {file.relative_to(SITE).as_posix(): file for file in SITE.rglob("*") if file.suffix in _CONTENT_TYPES}
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# /verify runs the service's scripts: they connect to no other site and cannot create markup.
SCRIPTED_POLICY = f"{_POLICY}; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'"
_SECURITY_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
STATIC_PAGES: web.AppKey[dict[str, PreparedResponse]] = web.AppKey("static_pages")
_PROOF_PREFIX = "proof_"  # texts that the scripts of /verify use
_VERIFY_COMMANDS = (
    "like-ledger verify-receipt receipt.json --key …",
    "python -m ledger.log.verify https://… --key …",
)
_API_PREFIXES = ("/v1/", "/log/", "/openapi.json", "/live", "/ready")
_PROBLEM_TEXTS = {404: "404", 503: "503"}


def public_page_handler(
    render: Callable[[web.Request, Language], Awaitable[PreparedResponse]], policy: str = _POLICY
) -> Handler:
    """Return the handler of a public page with its security headers; an unknown language is a problem."""

    async def handle(request: web.Request) -> web.StreamResponse:
        check_choice(request, "lang", LANGUAGES)
        page = await render(request, negotiate_language(request))
        response: web.StreamResponse = conditional_response(request, page, CACHE_CONTROL)
        response.headers.update(_SECURITY_HEADERS | {"Content-Security-Policy": policy})
        response.headers["Vary"] = "Accept-Encoding, Accept-Language"
        return response

    return handle


async def render_home(request: web.Request, language: Language) -> PreparedResponse:
    """Return the page of all campaigns, oldest first."""
    snapshot = await request.app[SNAPSHOT_CACHE].latest()
    return snapshot.prepare(
        render_home,
        _variant_key(request, language),
        lambda: render_html(
            request,
            "home.html",
            language,
            pages=[build_campaign_page(campaign, language) for campaign in snapshot.campaigns.values()],
            as_of_exact=format_instant(snapshot.as_of),
        ),
    )


async def render_campaign(request: web.Request, language: Language) -> PreparedResponse:
    """Return a campaign's page: promise, figures and their calculation."""
    snapshot, slug = await request.app[SNAPSHOT_CACHE].latest(), request.match_info["slug"]
    campaign = find_campaign(snapshot, slug)
    variant = f"{_variant_key(request, language)}/{slug}"
    return snapshot.prepare(
        render_campaign,
        variant,
        lambda: render_html(request, "campaign.html", language, page=build_campaign_page(campaign, language)),
    )


async def render_payout(request: web.Request, language: Language) -> PreparedResponse:
    """Return the page of a payout's receipt.

    Raises NotFound if the campaign has no such payout.
    """
    snapshot, payout_id = await request.app[SNAPSHOT_CACHE].latest(), request.match_info["payout"]
    campaign = find_campaign(snapshot, request.match_info["slug"])
    receipt = build_payout_receipt(campaign, payout_id, language)
    if receipt is None:
        raise NotFound("payout_not_found", payout=printable(payout_id)[:100])
    variant = f"{_variant_key(request, language)}/{campaign.slug}/{payout_id}"
    return snapshot.prepare(
        render_payout, variant, lambda: render_html(request, "payout.html", language, receipt=receipt)
    )


async def render_docs(request: web.Request, language: Language) -> PreparedResponse:
    """Return the API reference."""
    return _prepare_once(request, "docs.html", language, lambda: {"document": request.app[OPENAPI_DOCUMENT]()})


async def render_verify(request: web.Request, language: Language) -> PreparedResponse:
    """Return the page that verifies a receipt in the browser."""
    proof_texts = {key: text[language] for key, text in TEXTS.items() if key.startswith(_PROOF_PREFIX)}
    return _prepare_once(request, "verify.html", language, lambda: {"proof_texts": proof_texts})


def _prepare_once(
    request: web.Request, template: str, language: Language, variables: Callable[[], dict[str, Any]]
) -> PreparedResponse:
    """Return a page without figures; it is rendered once in each variant."""
    pages, key = request.app[STATIC_PAGES], f"{template}/{_variant_key(request, language)}"
    if key not in pages:
        body, content_type = render_html(request, template, language, **variables())
        pages[key] = PreparedResponse(body, content_type, entity_tag(body))
    return pages[key]


def _variant_key(request: web.Request, language: Language) -> str:
    return f"{language}/{'lang' in request.query}"


def render_html(request: web.Request, template: str, language: Language, **variables: Any) -> tuple[bytes, str]:
    """Return a page and its content type; links keep the language of the URL."""
    other: Language = "en" if language == "zh" else "zh"
    context = {
        "t": lambda key, **values: translate(key, language, **values),
        "language": language,
        "tag": TAGS[language],
        "other_tag": TAGS[other],
        "other_language_url": f"{request.path}?lang={other}",
        "lang_query": f"?lang={language}" if "lang" in request.query else "",
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
    """Send a style sheet, script or icon of the pages."""
    name = request.match_info["file"]
    if name not in _FILES:
        raise NotFound("file_not_found")
    # The scripts import each other: the browser must not mix versions.
    caching = "no-cache" if name.endswith(".js") else "public, max-age=300"
    response = conditional_response(request, _load_file(name), caching)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@web.middleware
async def render_problem_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Replace a problem by a page if the client prefers HTML."""
    response = await handler(request)
    if response.content_type != "application/problem+json" or request.path.startswith(_API_PREFIXES):
        return response
    if "text/html" not in request.headers.get("Accept", ""):
        return response
    text_key = f"problem_{_PROBLEM_TEXTS.get(response.status, 'other')}"
    language, refusal = negotiate_language(request), response.get(REFUSAL)
    detail = "" if refusal is None else refusal_text(refusal, language)
    variables = {"text_key": text_key, "status": response.status, "detail": detail}
    body, content_type = render_html(request, "problem.html", language, **variables)
    headers = {"Content-Type": content_type, "Cache-Control": "no-store", **_SECURITY_HEADERS}
    headers |= {name: response.headers[name] for name in ("Retry-After", "Allow") if name in response.headers}
    return web.Response(body=body, status=response.status, headers=headers)


def _format_example(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, ensure_ascii=False, indent=2)


def _mark_code(text: str) -> Markup:
    """Return a text as escaped HTML with `code` for the words in backticks."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped in this line


def set_up(app: web.Application) -> None:
    """Set up the templates with autoescape, and the pages for problems."""
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
    app[STATIC_PAGES] = {}
    app.middlewares.insert(0, render_problem_pages)
