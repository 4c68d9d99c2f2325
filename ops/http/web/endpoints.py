"""The endpoints of the public pages and their files."""

from typing import Any

from ops.http.core.problems import Problem
from ops.http.core.responses import Handler
from ops.http.openapi.endpoint import HTML, Endpoint
from ops.http.openapi.parameters import LANG_QUERY, text_parameter
from ops.http.web.pages import (
    SCRIPTED_POLICY,
    public_page_handler,
    render_campaign,
    render_docs,
    render_home,
    render_payout,
    render_verify,
    serve_file,
)

_TAG = "pages"
_RECEIPT = text_parameter("A receipt's id; the page's scripts fetch and check it.")


def _page(path: str, handler: Handler, summary: str, *problems: Problem, **options: Any) -> Endpoint:
    defaults: dict[str, Any] = {"query": LANG_QUERY, "problems": (Problem.UNKNOWN_PARAMETER, *problems)}
    return Endpoint(path, handler, _TAG, summary, content_type=HTML, is_conditional=True, **(defaults | options))


ENDPOINTS = (
    _page("/", public_page_handler(render_home), "Every campaign", Problem.FIGURES_UNAVAILABLE),
    _page(
        "/campaigns/{slug}",
        public_page_handler(render_campaign),
        "One campaign",
        Problem.NOT_FOUND,
        Problem.FIGURES_UNAVAILABLE,
    ),
    _page(
        "/campaigns/{slug}/payouts/{payout}",
        public_page_handler(render_payout),
        "One payout's receipt, to keep or to print: its state in words, and the evidence",
        Problem.NOT_FOUND,
        Problem.FIGURES_UNAVAILABLE,
    ),
    _page(
        "/verify",
        public_page_handler(render_verify, SCRIPTED_POLICY),
        "Check a receipt on the reader's machine",
        query=LANG_QUERY | {"receipt": _RECEIPT},
        description="The scripts are plain modules below `/site/verify/`. They request only `/log/key` and"
        " `/v1/receipts/`.",
    ),
    _page("/docs", public_page_handler(render_docs), "The API reference"),
    Endpoint(
        "/site/{file}",
        serve_file,
        _TAG,
        "A style sheet, script or image of the pages",
        content_type="text/css",
        other_content_types=("text/javascript", "image/svg+xml"),
        is_conditional=True,
        problems=(Problem.NOT_FOUND,),
    ),
)
