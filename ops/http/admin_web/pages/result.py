"""The page that shows what a command did; reloading it does not repeat the command."""

import orjson
from aiohttp import web

from campaigns.errors import NotFound
from ops.admin import registry
from ops.admin.core import idempotency
from ops.admin.core.execute import CommandResponse
from ops.http.admin_web import command_links
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.table_cells import format_subject, subject_url
from ops.http.core.app_keys import COMMAND_SERVICES
from ops.i18n import labels
from ops.i18n.language import Language
from ops.i18n.refusals import code_text
from sql.replication import wait_until_replicated

_SETTLEMENT_PREFIX = "stl_"


async def show_result(context: PageContext) -> web.Response:
    """Show the result of one of the visitor's commands, by its idempotency key."""
    key = context.request.match_info["key"]
    async with context.command_context() as command_context:
        response = await idempotency.find_response(command_context.conn, context.actor.name, key)
    if response is None:
        raise NotFound("result_not_found")
    async with context.request.app[COMMAND_SERVICES].pool.acquire() as conn:
        await wait_until_replicated(conn)  # the visitor may have got an error instead of a redirect
    return render_result(context, orjson.loads(response))


def render_result(context: PageContext, response: CommandResponse) -> web.Response:
    """Return the page of a command's response."""
    language, command = context.language, registry.find_command(response["command"])
    return context.render(
        "result",
        response=response,
        title=command_links.command_title(command, context),
        changes=labels.label_changes(response["differences"], language),
        subject_url=subject_url(response["subject"]),
        subject_text=format_subject(response["subject"], language),
        settlement_urls=_settlement_urls(response),
        approval_reason=_approval_reason_text(response, context),
        counts=_count_rows(response, language),
        skipped=_skipped_texts(response, language),
    )


def _settlement_urls(response: CommandResponse) -> list[str]:
    names = [name for name in response["after"] or {} if name.startswith(_SETTLEMENT_PREFIX)]
    return [subject_url(f"settlement/{settlement_id}") for settlement_id in names]


def _count_rows(response: CommandResponse, language: Language) -> list[tuple[str, int]]:
    """Return what an import counted, with labels; other commands count nothing."""
    if "skipped" not in response["details"]:
        return []
    return [(labels.path_label(name, language), count) for name, count in (response["after"] or {}).items()]


def _skipped_texts(response: CommandResponse, language: Language) -> list[str]:
    return [code_text(part["code"], part["params"], language) for part in response["details"].get("skipped", [])]


def _approval_reason_text(response: CommandResponse, context: PageContext) -> str | None:
    reason = response["approval_reason"]
    return labels.lookup_text("approval_reason", reason, context.language, reason) if reason else None
