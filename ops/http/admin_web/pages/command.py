"""A command's form: filled in, checked, sent to the desk; drawn again with every fault beside its field."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import orjson
from aiohttp import web
from pydantic import ValidationError

from campaigns.catalogue import apply_promise
from campaigns.errors import FieldError, NotFound, RequestRefused, ValidationFailed
from campaigns.promise.diff import diff_objects
from campaigns.promise.toml_file import field_errors as faults_of
from ledger.errors import LedgerError
from ops.admin import registry
from ops.admin.core import execute as desks
from ops.admin.core.command import Command, CommandBody, is_allowed
from ops.admin.core.errors import Forbidden, IdempotencyKeyReused
from ops.admin.core.idempotency import idempotency_key
from ops.admin.resources import campaigns as campaign_commands
from ops.http.admin_web import command_links
from ops.http.admin_web.context import PageContext, status_of, to_file_bytes
from ops.http.admin_web.csrf import ADMIN_WEB_PREFIX
from ops.http.admin_web.forms import parsing
from ops.http.admin_web.forms import preview as previews
from ops.http.admin_web.forms.parsing import InputFormat
from ops.http.admin_web.forms.preview_inputs import DEFAULT_BUDGET
from ops.http.admin_web.forms.rendering import render_form as drawn
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
_BASED_ON, _HASH = "based_on", "hash"  # what a form was drawn from
_UPLOADS_PREFIX = "/uploads/"  # what has no page of its own to look at


def requested_command(context: PageContext, name: str | None = None) -> Command[Any]:
    """Return the command of the address, if the visitor may give it. NotFound, Forbidden."""
    try:
        command = registry.find_command(name or context.request.match_info["command"])
    except KeyError:
        raise NotFound("there is no such command") from None
    if not is_allowed(context.actor, command.roles):
        raise Forbidden(f"{command.name} is not for the role {context.actor.role}")
    return command


def read_subject_id(context: PageContext) -> str:
    """Return what the address says that the command is about."""
    known = context.request.match_info
    return str(known.get("of") or known.get("slug") or "")


async def initial_values(
    context: PageContext, command: Command[Any], subject_id: str
) -> tuple[InputFormat, Mapping[str, Any]]:
    """Return how its form writes money and moments, and the body to begin with."""
    if not _CAMPAIGN_PATH.match(command.path) or not subject_id:
        return InputFormat(), {}
    async with context.command_context() as desk:
        campaign = await campaign_commands.find_campaign(desk, subject_id)
    own = campaign.promise.campaign
    promise = apply_promise.current_promise(campaign)
    told = {"terms": promise.terms.model_dump(mode="json"), "based_on": campaign.terms[-1].version}
    return InputFormat(own.currency, own.timezone), told if command.name == command_links.NEW_TERMS else {}


async def initial_form_state(context: PageContext, command: Command[Any], subject_id: str) -> FormState:
    """Return an empty form, or one with what is in force now."""
    how, told = await initial_values(context, command, subject_id)
    known = await read_subject(context, command, subject_id)
    told = {"hash": known["hash"], **told} if known and "hash" in known else told
    begun = FormState(command, subject_id, how, {})
    beginning = parsing.from_body(begun.parts, told, how)
    if command.name == command_links.CREATE_CAMPAIGN:
        beginning["funded_minor"] = DEFAULT_BUDGET
    given = {name: value for name, value in context.request.query.items() if name in beginning}
    return replace(begun, values=beginning | given)


async def read_subject(context: PageContext, command: Command[Any], subject_id: str) -> Mapping[str, Any] | None:
    """Return what the command is about as the registry reads it, where it does: what an approval is of."""
    path = command.path.rpartition("/")[0]
    reading = next((each for each in registry.DETAIL_ENDPOINTS if each.path == path), None)
    if reading is None or not subject_id or not is_allowed(context.actor, reading.roles):
        return None
    async with context.command_context() as desk:
        found: Mapping[str, Any] = await reading.read(desk, subject_id)
    return found


def render_form_page(
    context: PageContext, form_state: FormState, status: int = 200, subject_rows: Sequence[LabelledChange] = ()
) -> web.Response:
    """Return the form as a page."""
    how = parsing.resolve_input_format(form_state.values, form_state.input_format)
    worded = (
        labels.label_changes(form_state.dry_run_result["differences"], context.language)
        if form_state.dry_run_result
        else []
    )
    return context.render(
        "editor" if form_state.is_editor else "form",
        status,
        sheet=form_state,
        form=drawn(
            form_state.parts, form_state.values, form_state.field_errors, how, context.language, form_state.focus
        ),
        note=command_links.command_note(form_state.command, context),
        home=command_links.command_home(form_state.command, form_state.subject_id, context.language),
        worded=worded,
        about=subject_rows,
        title=command_links.command_title(form_state.command, context),
        address=command_links.command_url(form_state.command.name, form_state.subject_id),
    )


def show_form(name: str | None = None) -> Any:
    """Return the page that shows a command's form."""

    async def drawing(visit: PageContext) -> web.Response:
        command, place = requested_command(visit, name), read_subject_id(visit)
        known = await read_subject(visit, command, place) if command.path.startswith(_UPLOADS_PREFIX) else None
        shown = labels.label_changes(diff_objects(None, known, ""), visit.language) if known else []
        return render_form_page(visit, await initial_form_state(visit, command, place), subject_rows=shown)

    return drawing


def submit_form(name: str | None = None) -> Any:
    """Return the page that takes a command's form."""

    async def giving(visit: PageContext) -> web.Response:
        command, place = requested_command(visit, name), read_subject_id(visit)
        how, _ = await initial_values(visit, command, place)
        known = FormState(command, place, how, _form_values(visit.form))
        do = visit.form.get("do", "check")
        if do.startswith(("add.", "remove.")):
            values = parsing.apply_row_action(known.parts, known.values, do)
            return render_form_page(
                visit, replace(known, values=values, focus=parsing.focus_after_row_action(known.parts, values, do))
            )
        if do == "preview" and known.is_editor:
            own = await dry_run(visit, known)
            return visit.render("preview", preview=own.preview, faults=len(own.field_errors))
        return await (_execute(visit, known) if do == "give" else _show_dry_run(visit, known))

    return giving


def _form_values(form: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in form.items() if name not in ("form_token", "key", "do")}


def parse_body(form_state: FormState) -> tuple[bytes, CommandBody]:
    """Return the body that the form says, as bytes and read. Faulty names every fault."""
    if form_state.is_file:
        sent = to_file_bytes(form_state.values.get("content", ""))
        return sent, form_state.command.body_type(content=sent)
    parts = form_schema(form_state.command.body_type)
    raw = orjson.dumps(
        parsing.to_body(
            parts, form_state.values, parsing.resolve_input_format(form_state.values, form_state.input_format)
        )
    )
    try:
        return raw, form_state.command.body_type.model_validate_json(raw)
    except ValidationError as error:
        raise ValidationFailed(faults_of(error)) from None


async def _show_dry_run(context: PageContext, form_state: FormState) -> web.Response:
    """Show what it would do; nothing is changed."""
    found = await dry_run(context, form_state)
    return (
        await _show_newer_terms(context, found)
        if is_based_on_outdated_terms(found.field_errors)
        else render_form_page(context, found)
    )


def is_based_on_outdated_terms(field_errors: Sequence[FieldError]) -> bool:
    """Tell whether the terms that a form began with are not the newest any more. Pure."""
    return any(fault.path == _BASED_ON for fault in field_errors)


async def _show_newer_terms(context: PageContext, form_state: FormState) -> web.Response:
    """Show what was typed beside the terms that are the newest by now: it may be asked for after that."""
    _, told = await initial_values(context, form_state.command, form_state.subject_id)
    newest = {_BASED_ON: str(told[_BASED_ON])}
    found = await dry_run(
        context, replace(form_state, values={**form_state.values, **newest}, field_errors=(), refusal=None)
    )
    wrong = [fault for fault in form_state.field_errors if fault.path == _BASED_ON]
    said = translate("newer_terms", context.language, version=newest[_BASED_ON])
    return render_form_page(context, replace(found, field_errors=[*wrong, *found.field_errors], refusal=said), 409)


async def dry_run(context: PageContext, form_state: FormState) -> FormState:
    """Return the form with what it would do, or with what is wrong in it."""
    found, wrong, trial, preview = list[FieldError](), None, None, None
    try:
        _, body = parse_body(form_state)
        trial = await desks.execute(
            context.request.app[COMMAND_SERVICES],
            context.actor,
            form_state.command,
            form_state.subject_id,
            body,
            dry_run=True,
        )
    except ValidationFailed as refused:
        found += refused.field_errors
    except (RequestRefused, LedgerError) as refused:
        wrong = refusal_text(refused, context.language, currency=form_state.input_format.currency)
    if form_state.is_editor:
        preview, more = await previews.build_preview(context, form_state)
        found += [fault for fault in more if fault not in found]
    return replace(form_state, field_errors=found, refusal=wrong, dry_run_result=trial, preview=preview)


async def _execute(context: PageContext, form_state: FormState) -> web.Response:
    key = context.form.get("key", "")
    if not (1 <= len(key) <= _KEY_CHARS_MAX and key.isascii() and key.isprintable()):
        return render_form_page(context, form_state, 422)
    try:
        raw, body = parse_body(form_state)
        answer_once = idempotency_key(
            context.actor.name, key, form_state.command.name.encode(), form_state.subject_id.encode(), raw
        )
        answer = await desks.execute(
            context.request.app[COMMAND_SERVICES],
            context.actor,
            form_state.command,
            form_state.subject_id,
            body,
            answer_once,
        )
    except ValidationFailed as refused:
        wrong = replace(form_state, field_errors=refused.field_errors)
        return (
            await _show_newer_terms(context, wrong)
            if is_based_on_outdated_terms(refused.field_errors)
            else render_form_page(context, wrong, 422)
        )
    except IdempotencyKeyReused:
        return render_form_page(context, replace(form_state, refusal=translate("sent_before", context.language)), 409)
    except (RequestRefused, LedgerError) as refused:
        if (
            isinstance(refused, Forbidden | NotFound) or _HASH in form_state.values
        ):  # what was looked at is another by now
            raise
        said = refusal_text(refused, context.language, currency=form_state.input_format.currency)
        return render_form_page(context, replace(form_state, refusal=said), status_of(refused))
    if "secret" in answer:  # shown here, this once: in no redirect, and kept nowhere
        return result.render_result(context, answer)
    return context.redirect(f"{ADMIN_WEB_PREFIX}/answers/{quote(key, safe='')}")
