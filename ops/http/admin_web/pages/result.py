"""What a command did, on a page of its own: it may be asked for again, and does nothing again."""

import orjson
from aiohttp import web

from campaigns.errors import NotFound
from ops.admin import registry
from ops.admin.core import idempotency
from ops.admin.core.execute import CommandResponse
from ops.http.admin_web import command_links
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.table_cells import format_subject, subject_url
from ops.i18n import labels

_SETTLEMENT_PREFIX = "stl_"


async def show_result(context: PageContext) -> web.Response:
    """Show what a command of the visitor's did."""
    async with context.command_context() as desk:
        known = await idempotency.find_response(desk.conn, context.actor.name, context.request.match_info["key"])
    if known is None:
        raise NotFound("there is no such answer of yours")
    return render_result(context, orjson.loads(known))


def render_result(context: PageContext, response: CommandResponse) -> web.Response:
    """Return the page of an answer."""
    name = response["command"]
    return context.render(
        "answer",
        answer=response,
        title=command_links.command_title(registry.find_command(name), context),
        worded=labels.label_changes(response["differences"], context.language),
        subject=subject_url(response["subject"]),
        subject_said=format_subject(response["subject"], context.language),
        made=[
            subject_url(f"settlement/{each}")
            for each in response["after"] or {}
            if each.startswith(_SETTLEMENT_PREFIX)
        ],
        waits_for=labels.lookup_text(
            "second", response["approval_reason"], context.language, response["approval_reason"]
        )
        if response["approval_reason"]
        else None,
    )
