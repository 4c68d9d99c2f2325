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
from campaigns.errors import Fault, Faulty, NotFound, Refused
from campaigns.promise.diff import changes
from campaigns.promise.toml_file import faults as faults_of
from ledger.errors import LedgerError
from ops.admin import registry
from ops.admin.core import execute as desks
from ops.admin.core.command import Asked, Command, may
from ops.admin.core.errors import Forbidden, KeyTaken
from ops.admin.core.idempotency import once
from ops.admin.resources import campaigns as campaign_commands
from ops.http.admin_web import command_links
from ops.http.admin_web.context import Visit, as_bytes, status_of
from ops.http.admin_web.csrf import PREFIX
from ops.http.admin_web.forms import parsing
from ops.http.admin_web.forms import preview as previews
from ops.http.admin_web.forms.parsing import Ways
from ops.http.admin_web.forms.preview_inputs import BUDGET
from ops.http.admin_web.forms.rendering import form as drawn
from ops.http.admin_web.forms.schema import parts_of
from ops.http.admin_web.forms.state import Sheet
from ops.http.admin_web.pages import result
from ops.http.core.app_keys import OFFICE
from ops.i18n import labels
from ops.i18n.labels import Worded
from ops.i18n.language import say
from ops.i18n.refusals import reason

_OF_CAMPAIGN = re.compile(r"^/campaigns/\{\w+\}")
_KEY_CHARS_MAX = 100
_BASED_ON, _HASH = "based_on", "hash"  # what a form was drawn from
_SHOWN_AS_IT_IS = "/uploads/"  # what has no page of its own to look at


def command_of(visit: Visit, name: str | None = None) -> Command[Any]:
    """Return the command of the address, if the visitor may give it. NotFound, Forbidden."""
    try:
        command = registry.find(name or visit.request.match_info["command"])
    except KeyError:
        raise NotFound("there is no such command") from None
    if not may(visit.actor, command.roles):
        raise Forbidden(f"{command.name} is not for the role {visit.actor.role}")
    return command


def of(visit: Visit) -> str:
    """Return what the address says that the command is about."""
    known = visit.request.match_info
    return str(known.get("of") or known.get("slug") or "")


async def how_for(visit: Visit, command: Command[Any], place: str) -> tuple[Ways, Mapping[str, Any]]:
    """Return how its form writes money and moments, and the body to begin with."""
    if not _OF_CAMPAIGN.match(command.path) or not place:
        return Ways(), {}
    async with visit.desk() as desk:
        campaign = await campaign_commands.find(desk, place)
    own = campaign.promise.campaign
    promise = apply_promise.promised(campaign)
    told = {"terms": promise.terms.model_dump(mode="json"), "based_on": campaign.terms[-1].version}
    return Ways(own.currency, own.timezone), told if command.name == command_links.TERMS else {}


async def sheet(visit: Visit, command: Command[Any], place: str) -> Sheet:
    """Return an empty form, or one with what is in force now."""
    how, told = await how_for(visit, command, place)
    known = await about(visit, command, place)
    told = {"hash": known["hash"], **told} if known and "hash" in known else told
    begun = Sheet(command, place, how, {})
    beginning = parsing.values(begun.parts, told, how)
    if command.name == command_links.CREATE:
        beginning["funded_minor"] = BUDGET
    given = {name: value for name, value in visit.request.query.items() if name in beginning}
    return replace(begun, values=beginning | given)


async def about(visit: Visit, command: Command[Any], place: str) -> Mapping[str, Any] | None:
    """Return what the command is about as the registry reads it, where it does: what an approval is of."""
    path = command.path.rpartition("/")[0]
    reading = next((each for each in registry.READINGS if each.path == path), None)
    if reading is None or not place or not may(visit.actor, reading.roles):
        return None
    async with visit.desk() as desk:
        found: Mapping[str, Any] = await reading.read(desk, place)
    return found


def page(visit: Visit, own: Sheet, status: int = 200, about: Sequence[Worded] = ()) -> web.Response:
    """Return the form as a page."""
    how = parsing.ways(own.values, own.how)
    worded = labels.worded(own.trial["differences"], visit.language) if own.trial else []
    return visit.page(
        "editor" if own.is_editor else "form",
        status,
        sheet=own,
        form=drawn(own.parts, own.values, own.faults, how, visit.language, own.focus),
        note=command_links.note(own.command, visit),
        home=command_links.home_of(own.command, own.of, visit.language),
        worded=worded,
        about=about,
        title=command_links.title(own.command, visit),
        address=command_links.address(own.command.name, own.of),
    )


def draw(name: str | None = None) -> Any:
    """Return the page that shows a command's form."""

    async def drawing(visit: Visit) -> web.Response:
        command, place = command_of(visit, name), of(visit)
        known = await about(visit, command, place) if command.path.startswith(_SHOWN_AS_IT_IS) else None
        shown = labels.worded(changes(None, known, ""), visit.language) if known else []
        return page(visit, await sheet(visit, command, place), about=shown)

    return drawing


def give(name: str | None = None) -> Any:
    """Return the page that takes a command's form."""

    async def giving(visit: Visit) -> web.Response:
        command, place = command_of(visit, name), of(visit)
        how, _ = await how_for(visit, command, place)
        known = Sheet(command, place, how, _typed(visit.form))
        do = visit.form.get("do", "check")
        if do.startswith(("add.", "remove.")):
            values = parsing.with_rows(known.parts, known.values, do)
            return page(visit, replace(known, values=values, focus=parsing.focus_after(known.parts, values, do)))
        if do == "preview" and known.is_editor:
            own = await tried(visit, known)
            return visit.page("preview", preview=own.preview, faults=len(own.faults))
        return await (_done(visit, known) if do == "give" else _checked(visit, known))

    return giving


def _typed(form: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in form.items() if name not in ("form_token", "key", "do")}


def asked(own: Sheet) -> tuple[bytes, Asked]:
    """Return the body that the form says, as bytes and read. Faulty names every fault."""
    if own.is_file:
        sent = as_bytes(own.values.get("content", ""))
        return sent, own.command.asked(content=sent)
    parts = parts_of(own.command.asked)
    raw = orjson.dumps(parsing.body(parts, own.values, parsing.ways(own.values, own.how)))
    try:
        return raw, own.command.asked.model_validate_json(raw)
    except ValidationError as error:
        raise Faulty(faults_of(error)) from None


async def _checked(visit: Visit, own: Sheet) -> web.Response:
    """Show what it would do; nothing is changed."""
    found = await tried(visit, own)
    return await _newer(visit, found) if is_of_older_terms(found.faults) else page(visit, found)


def is_of_older_terms(faults: Sequence[Fault]) -> bool:
    """Tell whether the terms that a form began with are not the newest any more. Pure."""
    return any(fault.path == _BASED_ON for fault in faults)


async def _newer(visit: Visit, own: Sheet) -> web.Response:
    """Show what was typed beside the terms that are the newest by now: it may be asked for after that."""
    _, told = await how_for(visit, own.command, own.of)
    newest = {_BASED_ON: str(told[_BASED_ON])}
    found = await tried(visit, replace(own, values={**own.values, **newest}, faults=(), said=None))
    wrong = [fault for fault in own.faults if fault.path == _BASED_ON]
    said = say("newer_terms", visit.language, version=newest[_BASED_ON])
    return page(visit, replace(found, faults=[*wrong, *found.faults], said=said), 409)


async def tried(visit: Visit, own: Sheet) -> Sheet:
    """Return the form with what it would do, or with what is wrong in it."""
    found, wrong, trial, preview = list[Fault](), None, None, None
    try:
        _, body = asked(own)
        trial = await desks.do(visit.request.app[OFFICE], visit.actor, own.command, own.of, body, dry_run=True)
    except Faulty as refused:
        found += refused.faults
    except (Refused, LedgerError) as refused:
        wrong = reason(str(refused), None, visit.language, own.how.currency)
    if own.is_editor:
        preview, more = await previews.made(visit, own)
        found += [fault for fault in more if fault not in found]
    return replace(own, faults=found, said=wrong, trial=trial, preview=preview)


async def _done(visit: Visit, own: Sheet) -> web.Response:
    key = visit.form.get("key", "")
    if not (1 <= len(key) <= _KEY_CHARS_MAX and key.isascii() and key.isprintable()):
        return page(visit, own, 422)
    try:
        raw, body = asked(own)
        answer_once = once(visit.actor.name, key, own.command.name.encode(), own.of.encode(), raw)
        answer = await desks.do(visit.request.app[OFFICE], visit.actor, own.command, own.of, body, answer_once)
    except Faulty as refused:
        wrong = replace(own, faults=refused.faults)
        return await _newer(visit, wrong) if is_of_older_terms(refused.faults) else page(visit, wrong, 422)
    except KeyTaken:
        return page(visit, replace(own, said=say("sent_before", visit.language)), 409)
    except (Refused, LedgerError) as refused:
        if isinstance(refused, Forbidden | NotFound) or _HASH in own.values:  # what was looked at is another by now
            raise
        said = reason(str(refused), None, visit.language, own.how.currency)
        return page(visit, replace(own, said=said), status_of(refused))
    if "secret" in answer:  # shown here, this once: in no redirect, and kept nowhere
        return result.answered(visit, answer)
    return visit.to(f"{PREFIX}/answers/{quote(key, safe='')}")
