"""One decision for the selected cases of the queue, taken for each case by itself."""

from typing import Any
from urllib.parse import quote

import orjson
from aiohttp import web
from pydantic import ValidationError

from campaigns.errors import RequestRefused, ValidationFailed
from campaigns.promise.toml_file import field_errors
from ledger.errors import LedgerError
from ops.admin import registry
from ops.admin.core import execute
from ops.admin.core.command import Command, CommandBody, command_key
from ops.admin.core.execute import CommandResponse
from ops.http.admin_web.context import PageContext, refusal_sentences
from ops.http.admin_web.csrf import ADMIN_WEB_PREFIX
from ops.http.admin_web.pages.review import DECISIONS, BulkResult, case_url, render_queue
from ops.http.core.app_keys import COMMAND_SERVICES
from ops.i18n import labels
from ops.i18n.language import Language, translate

_SELECTED = "case."  # before a case's id, in the name of its checkbox; the value is the hash that was shown
_KEY_CHARS_MAX = 60


async def decide_selected(context: PageContext) -> web.Response:
    """Decide the selected cases one by one: each needs a second person, or is refused, for itself."""
    selected = [
        (name.removeprefix(_SELECTED), value) for name, value in context.form.items() if name.startswith(_SELECTED)
    ]
    name, key = context.form.get("do", ""), context.form.get("key", "")
    context.require_role(registry.find_command("case.void").roles)
    if not selected or name not in DECISIONS or not 0 < len(key) <= _KEY_CHARS_MAX:
        return await render_queue(context, fault=translate("review_bulk_none", context.language))
    results = [await _decide_case(context, name, case_id, digest, key) for case_id, digest in selected]
    return await render_queue(context, results)


async def _decide_case(context: PageContext, name: str, case_id: str, digest: str, key: str) -> BulkResult:
    """Run one decision; a repeated form repeats no decision."""
    command, services = registry.find_command(name), context.request.app[COMMAND_SERVICES]
    raw = orjson.dumps({"reason": context.form.get("reason", ""), "hash": digest})
    try:
        body = _parse_decision(command, raw)
        once = command_key(command, (context.actor.name, f"{key} {case_id}"), case_id, raw, services.keys)
        response = await execute.execute(services, context.actor, command, case_id, body, once)
    except (RequestRefused, LedgerError) as error:
        return BulkResult(case_id, case_url(case_id), "refused", " ".join(refusal_sentences(error, context.language)))
    return _bulk_result(case_id, response, context.language)


def _parse_decision(command: Command[Any], raw: bytes) -> CommandBody:
    try:
        body: CommandBody = command.body_type.model_validate_json(raw)
    except ValidationError as error:
        raise ValidationFailed(field_errors(error)) from None
    return body


def _bulk_result(case_id: str, response: CommandResponse, language: Language) -> BulkResult:
    """Return the response about one case in words. Pure."""
    proposal, reason = response["proposal"], response["approval_reason"]
    text = translate(f"result_{response['state']}", language)
    if reason:
        text = f"{text}: {labels.lookup_text('approval_reason', reason, language, reason)}"
    url = f"{ADMIN_WEB_PREFIX}/proposals/{quote(proposal, safe='')}" if proposal else None
    return BulkResult(case_id, case_url(case_id), response["state"], text, url)
