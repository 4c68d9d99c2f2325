"""The editor's preview: the cost of the promise in the form, by the engine's arithmetic."""

from typing import Any

import orjson
from pydantic import ValidationError

from campaigns.catalogue import apply_promise
from campaigns.errors import CampaignClosed, FieldError, NotFound, ValidationFailed
from campaigns.preview import request as preview_request
from campaigns.preview.context import PreviewResult, compute_preview
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
    """Return the preview of a promise form, or the errors of the preview inputs."""
    try:
        async with context.command_context() as command_context:
            preview_result = await _compute(command_context, form_state)
    except ValidationFailed as error:
        return None, list(error.field_errors)
    except (ValidationError, NotFound, CampaignClosed):  # the form's dry run reports these
        return None, []
    return build_preview_panel(preview_result, context.language), []


async def _compute(command_context: CommandContext, form_state: FormState) -> PreviewResult:
    input_format = parsing.resolve_input_format(form_state.values, form_state.input_format)
    body = parsing.to_body(form_schema(form_state.command.body_type), form_state.values, input_format)
    promise = await _promise_from_form(command_context, form_state.subject_id, body)
    request = preview_request.build_request(promise, **_preview_inputs(form_state.values, input_format))
    return await compute_preview(
        command_context.conn, request, command_context.now, pseudonym_key=command_context.keys.pseudonym
    )


def _preview_inputs(values: FormValues, input_format: InputFormat) -> dict[str, Any]:
    """Return budget and forecast; a past campaign takes precedence over likes per day."""
    inputs = parsing.to_body(PREVIEW_PARTS, values, input_format)
    forecast = inputs.get("forecast") or {}
    if "like_campaign" in forecast:
        forecast.pop("likes_per_day", None)
    return {"funded_minor": inputs.get("funded_minor"), "forecast": forecast}


async def _promise_from_form(command_context: CommandContext, slug: str, body: dict[str, Any]) -> Promise:
    """Return the promise in the form; for new terms, the campaign's current promise with these terms.

    Raises ValidationError, or NotFound if the campaign does not exist.
    """
    if not slug:
        return Promise.model_validate_json(orjson.dumps(body))
    current = apply_promise.current_promise(await campaign_commands.find_campaign(command_context, slug))
    changed = current.model_dump(mode="json", exclude_none=True) | {"terms": body.get("terms")}
    return Promise.model_validate_json(orjson.dumps(changed))
