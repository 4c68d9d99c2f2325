"""The preview beside the editor: what the promise in the form would come to, by the engine's own arithmetic."""

from typing import Any

import orjson
from pydantic import ValidationError

from campaigns.catalogue import apply_promise
from campaigns.errors import CampaignClosed, FieldError, NotFound, ValidationFailed
from campaigns.preview import request as preview_request
from campaigns.preview.context import compute_preview
from campaigns.promise.model import Promise
from ops.admin.core.command import CommandContext
from ops.admin.resources import campaigns as campaign_commands
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.forms import parsing
from ops.http.admin_web.forms.parsing import FormValues, InputFormat
from ops.http.admin_web.forms.preview_inputs import PREVIEW_PARTS
from ops.http.admin_web.forms.schema import form_schema
from ops.http.admin_web.forms.state import FormState
from ops.http.web.preview_view import PreviewPanel, build_preview_panel


async def build_preview(context: PageContext, form_state: FormState) -> tuple[PreviewPanel | None, list[FieldError]]:
    """Return the preview of what stands in the form, or what is wrong with what it supposes."""
    how = parsing.resolve_input_format(form_state.values, form_state.input_format)
    try:
        async with context.command_context() as desk:
            promise = await _promise_from_form(
                desk,
                form_state.subject_id,
                parsing.to_body(form_schema(form_state.command.body_type), form_state.values, how),
            )
            request = preview_request.build_request(promise, **_preview_inputs(form_state.values, how))
            done = await compute_preview(desk.conn, request, desk.now, pseudonym_key=desk.keys.pseudonym)
    except ValidationFailed as refused:
        return None, list(refused.field_errors)
    except (ValidationError, NotFound, CampaignClosed):  # told of the form itself already
        return None, []
    return build_preview_panel(done, context.language), []


def _preview_inputs(values: FormValues, input_format: InputFormat) -> dict[str, Any]:
    """Return budget and forecast; a past campaign goes before a number a day."""
    found = parsing.to_body(PREVIEW_PARTS, values, input_format)
    forecast = found.get("forecast") or {}
    if "like_campaign" in forecast:
        forecast.pop("likes_per_day", None)
    return {"funded_minor": found.get("funded_minor"), "forecast": forecast}


async def _promise_from_form(command_context: CommandContext, slug: str, body: dict[str, Any]) -> Promise:
    """Return the promise that the form makes; of new terms, the campaign's promise under them."""
    if not slug:
        return Promise.model_validate_json(orjson.dumps(body))
    standing = apply_promise.current_promise(await campaign_commands.find_campaign(command_context, slug))
    whole = standing.model_dump(mode="json", exclude_none=True) | {"terms": body.get("terms")}
    return Promise.model_validate_json(orjson.dumps(whole))
