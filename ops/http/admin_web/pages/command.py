"""A command's form: shown, checked by a dry run, executed; errors are shown at their fields."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson
from aiohttp import web
from pydantic import ValidationError

from campaigns.catalogue import apply_promise
from campaigns.catalogue.account_mask import mask_accounts
from campaigns.errors import FieldError, NotFound, RequestRefused, ValidationFailed
from campaigns.promise import toml_file
from campaigns.promise.diff import diff_objects
from ledger.errors import LedgerError
from ops.admin import registry
from ops.admin.core import execute
from ops.admin.core.actor import FINANCE_READERS
from ops.admin.core.command import Command, CommandBody, command_key, is_allowed
from ops.admin.core.errors import Forbidden, IdempotencyKeyReused
from ops.admin.core.execute import CommandResponse
from ops.admin.resources import campaigns as campaign_commands
from ops.http.admin_web import command_links
from ops.http.admin_web.context import PageContext, PageFunction, status_of, to_file_bytes
from ops.http.admin_web.csrf import ADMIN_WEB_PREFIX
from ops.http.admin_web.forms import parsing
from ops.http.admin_web.forms import preview as previews
from ops.http.admin_web.forms.parsing import InputFormat
from ops.http.admin_web.forms.preview_inputs import DEFAULT_BUDGET
from ops.http.admin_web.forms.rendering import render_form
from ops.http.admin_web.forms.schema import form_schema
from ops.http.admin_web.forms.state import FormState
from ops.http.admin_web.pages import result
from ops.http.core.app_keys import COMMAND_SERVICES
from ops.i18n import labels
from ops.i18n.labels import LabelledChange
from ops.i18n.language import translate
from ops.i18n.refusals import refusal_text

_CAMPAIGN_PATH = re.compile(r"^/campaigns/\{\w+\}")
_KEY_CHARS_MAX = 100
_BASED_ON, _HASH = "based_on", "hash"  # hidden inputs with the state that the form was made from
_UPLOADS_PREFIX = "/uploads/"  # their subject has no page, so that the form shows it


def requested_command(context: PageContext, name: str | None = None) -> Command[Any]:
    """Return the command in the path, or the one named.

    Raises NotFound if it does not exist, Forbidden if the visitor may not run it.
    """
    try:
        command = registry.find_command(name or context.request.match_info["command"])
    except KeyError:
        raise NotFound("command_not_found") from None
    if not is_allowed(context.actor, command.roles):
        raise Forbidden("command_not_for_role", command=command.name, role=context.actor.role)
    return command


def read_subject_id(context: PageContext) -> str:
    """Return the id of the command's subject in the path; empty if it has none."""
    parameters = context.request.match_info
    return str(parameters.get("subject") or parameters.get("slug") or "")


async def initial_values(
    context: PageContext, command: Command[Any], subject_id: str
) -> tuple[InputFormat, Mapping[str, Any]]:
    """Return a form's input format and its initial body."""
    if not _CAMPAIGN_PATH.match(command.path) or not subject_id:
        return InputFormat(), {}
    async with context.command_context() as command_context:
        campaign = await campaign_commands.find_campaign(command_context, subject_id)
    details, promise = campaign.promise.campaign, apply_promise.current_promise(campaign)
    input_format = InputFormat(details.currency, details.timezone)
    if command.name != command_links.NEW_TERMS:
        return input_format, {}
    terms = promise.terms.model_dump(mode="json")
    if not is_allowed(context.actor, FINANCE_READERS):
        terms = mask_accounts(terms)
    return input_format, {"terms": terms, _BASED_ON: campaign.terms[-1].version}


async def initial_form_state(context: PageContext, command: Command[Any], subject_id: str) -> FormState:
    """Return a form with its initial values; parameters of the URL override them."""
    input_format, body = await initial_values(context, command, subject_id)
    subject = await read_subject(context, command, subject_id)
    if subject and _HASH in subject:
        body = {_HASH: subject[_HASH], **body}
    form_state = FormState(command, subject_id, input_format, {})
    values = parsing.from_body(form_state.parts, body, input_format)
    if command.name == command_links.CREATE_CAMPAIGN:
        values["funded_minor"] = DEFAULT_BUDGET
    parameters = {name: value for name, value in context.request.query.items() if name in values}
    return replace(form_state, values=values | parameters)


async def read_subject(context: PageContext, command: Command[Any], subject_id: str) -> Mapping[str, Any] | None:
    """Return the command's subject by its detail endpoint; None without one, or if the visitor may not see it."""
    path = command.path.rpartition("/")[0]
    endpoint = next((endpoint for endpoint in registry.DETAIL_ENDPOINTS if endpoint.path == path), None)
    if endpoint is None or not subject_id or not is_allowed(context.actor, endpoint.roles):
        return None
    async with context.command_context() as command_context:
        subject: Mapping[str, Any] = await endpoint.read(command_context, subject_id)
    return subject


def render_form_page(
    context: PageContext, form_state: FormState, status: int = 200, subject_rows: Sequence[LabelledChange] = ()
) -> web.Response:
    """Return the page of a form."""
    command, subject_id, dry_run_result = form_state.command, form_state.subject_id, form_state.dry_run_result
    input_format = parsing.resolve_input_format(form_state.values, form_state.input_format)
    differences = dry_run_result["differences"] if dry_run_result else []
    return context.render(
        "editor" if form_state.is_editor else "form",
        status,
        form_state=form_state,
        form=render_form(
            form_state.parts,
            form_state.values,
            form_state.field_errors,
            input_format,
            context.language,
            form_state.focus,
        ),
        note=command_links.command_note(command, context),
        home=command_links.command_home(command, subject_id, context.language),
        changes=labels.label_changes(differences, context.language),
        subject_rows=subject_rows,
        title=command_links.command_title(command, context),
        url=command_links.command_url(command.name, subject_id),
    )


def show_form(name: str | None = None) -> PageFunction:
    """Return the page function that shows a command's form."""

    async def show(context: PageContext) -> web.Response:
        command, subject_id = requested_command(context, name), read_subject_id(context)
        subject_rows = await _read_subject_rows(context, command, subject_id)
        form_state = await initial_form_state(context, command, subject_id)
        return render_form_page(context, form_state, subject_rows=subject_rows)

    return show


async def _read_subject_rows(context: PageContext, command: Command[Any], subject_id: str) -> list[LabelledChange]:
    if not command.path.startswith(_UPLOADS_PREFIX):
        return []
    subject = await read_subject(context, command, subject_id)
    return labels.label_changes(diff_objects(None, subject, ""), context.language) if subject else []


def submit_form(name: str | None = None) -> PageFunction:
    """Return the page function that processes a submitted form."""

    async def submit(context: PageContext) -> web.Response:
        command, subject_id = requested_command(context, name), read_subject_id(context)
        input_format, _ = await initial_values(context, command, subject_id)
        form_state = FormState(command, subject_id, input_format, _form_values(context.form))
        return await _process_form(context, form_state, context.form.get("do", "check"))

    return submit


async def _process_form(context: PageContext, form_state: FormState, action: str) -> web.Response:
    if action.startswith(("add.", "remove.")):
        return _change_rows(context, form_state, action)
    if action == "preview" and form_state.is_editor:
        checked = await dry_run(context, form_state)
        return context.render("preview", preview=checked.preview, faults=len(checked.field_errors))
    return await (_execute(context, form_state) if action == "execute" else _show_dry_run(context, form_state))


def _change_rows(context: PageContext, form_state: FormState, action: str) -> web.Response:
    values = parsing.apply_row_action(form_state.parts, form_state.values, action)
    focus = parsing.focus_after_row_action(form_state.parts, values, action)
    return render_form_page(context, replace(form_state, values=values, focus=focus))


def _form_values(form: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in form.items() if name not in ("form_token", "key", "do")}


def parse_body(form_state: FormState) -> tuple[bytes, CommandBody]:
    """Return the form's body, as bytes and as the command's model.

    Raises ValidationFailed with every field error.
    """
    if form_state.is_file:
        content = to_file_bytes(form_state.values.get("content", ""))
        return content, form_state.command.body_type(content=content)
    input_format = parsing.resolve_input_format(form_state.values, form_state.input_format)
    raw = orjson.dumps(parsing.to_body(form_schema(form_state.command.body_type), form_state.values, input_format))
    try:
        return raw, form_state.command.body_type.model_validate_json(raw)
    except ValidationError as error:
        raise ValidationFailed(toml_file.field_errors(error)) from None


async def _show_dry_run(context: PageContext, form_state: FormState) -> web.Response:
    """Show the changes that the command would make; nothing is stored."""
    checked = await dry_run(context, form_state)
    if is_based_on_outdated_terms(checked.field_errors):
        return await _show_newer_terms(context, checked)
    return render_form_page(context, checked)


def is_based_on_outdated_terms(field_errors: Sequence[FieldError]) -> bool:
    """Return whether the terms changed after the form was opened. Pure."""
    return any(error.path == _BASED_ON for error in field_errors)


async def _show_newer_terms(context: PageContext, form_state: FormState) -> web.Response:
    """Show the typed values compared with the newest terms; the form can be submitted again."""
    _, body = await initial_values(context, form_state.command, form_state.subject_id)
    values = {**form_state.values, _BASED_ON: str(body[_BASED_ON])}
    checked = await dry_run(context, replace(form_state, values=values, field_errors=(), refusal=None))
    outdated = [error for error in form_state.field_errors if error.path == _BASED_ON]
    refusal = translate("newer_terms", context.language, version=values[_BASED_ON])
    merged = replace(checked, field_errors=[*outdated, *checked.field_errors], refusal=refusal)
    return render_form_page(context, merged, 409)


async def dry_run(context: PageContext, form_state: FormState) -> FormState:
    """Return the form with its dry run, or with its errors; in the editor also with its preview."""
    checked = await _try_command(context, form_state)
    if not form_state.is_editor:
        return checked
    preview, preview_errors = await previews.build_preview(context, form_state)
    new_errors = [error for error in preview_errors if error not in checked.field_errors]
    return replace(checked, field_errors=[*checked.field_errors, *new_errors], preview=preview)


async def _try_command(context: PageContext, form_state: FormState) -> FormState:
    services, command = context.request.app[COMMAND_SERVICES], form_state.command
    state = replace(form_state, field_errors=[], refusal=None, dry_run_result=None, preview=None)
    try:
        _, body = parse_body(form_state)
        response = await execute.execute(services, context.actor, command, form_state.subject_id, body, dry_run=True)
    except ValidationFailed as error:
        return replace(state, field_errors=list(error.field_errors))
    except (RequestRefused, LedgerError) as error:
        return replace(state, refusal=_refusal_text(context, form_state, error))
    return replace(state, dry_run_result=response)


def _refusal_text(context: PageContext, form_state: FormState, error: RequestRefused | LedgerError) -> str:
    return refusal_text(error, context.language, currency=form_state.input_format.currency)


async def _execute(context: PageContext, form_state: FormState) -> web.Response:
    key = context.form.get("key", "")
    if not (1 <= len(key) <= _KEY_CHARS_MAX and key.isascii() and key.isprintable()):
        return render_form_page(context, form_state, 422)
    try:
        response = await _execute_once(context, form_state, key)
    except (RequestRefused, LedgerError) as error:
        return await _show_refusal(context, form_state, error)
    if "secret" in response:  # shown on this page only: never in a URL, never stored
        return result.render_result(context, response)
    return context.redirect(f"{ADMIN_WEB_PREFIX}/answers/{quote(key, safe='')}")


async def _execute_once(context: PageContext, form_state: FormState, key: str) -> CommandResponse:
    command, subject_id = form_state.command, form_state.subject_id
    raw, body = parse_body(form_state)
    services = context.request.app[COMMAND_SERVICES]
    once = command_key(command, (context.actor.name, key), subject_id, raw, services.keys)
    return await execute.execute(services, context.actor, command, subject_id, body, once)


async def _show_refusal(
    context: PageContext, form_state: FormState, error: RequestRefused | LedgerError
) -> web.Response:
    """Return the form with the refusal.

    Raises the refusal again if the form no longer applies: the subject is missing, forbidden or has changed.
    """
    if isinstance(error, ValidationFailed):
        return await _show_field_errors(context, replace(form_state, field_errors=error.field_errors))
    if isinstance(error, IdempotencyKeyReused):
        refusal = translate("idempotency_key_conflict", context.language)
        return render_form_page(context, replace(form_state, refusal=refusal), 409)
    if isinstance(error, Forbidden | NotFound) or _HASH in form_state.values:
        raise error
    refusal = _refusal_text(context, form_state, error)
    return render_form_page(context, replace(form_state, refusal=refusal), status_of(error))


async def _show_field_errors(context: PageContext, form_state: FormState) -> web.Response:
    if is_based_on_outdated_terms(form_state.field_errors):
        return await _show_newer_terms(context, form_state)
    return render_form_page(context, form_state, 422)
