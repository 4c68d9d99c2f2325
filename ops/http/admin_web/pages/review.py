"""The reviewers' pages: a queue with the most money first, and a case in words."""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from aiohttp import web

from campaigns.errors import ValidationFailed
from ops.admin import registry
from ops.admin.core.command import is_allowed
from ops.admin.core.pagination import read_page
from ops.admin.resources import review_lists
from ops.admin.resources.review_views import CaseDetail, CaseView, OutcomeView, StepView
from ops.http.admin_web import command_links
from ops.http.admin_web.context import PageContext
from ops.http.admin_web.csrf import ADMIN_WEB_PREFIX
from ops.http.admin_web.pages.inline_command import inline_command
from ops.http.admin_web.pages.lists import FilterInput
from ops.i18n import formats, labels
from ops.i18n.language import Language, translate
from ops.i18n.refusals import refusal_text

REVIEW_URL = f"{ADMIN_WEB_PREFIX}/review"
DECISIONS = ("case.release", "case.void")
_COMMANDS = (*DECISIONS, "case.note")
_KEYS = {"case.release": "r", "case.void": "v", "case.note": "n"}
_LIKES_SHOWN = 20
_MOMENT, _DAY = "opened_before", re.compile(r"^\d{4}-\d\d-\d\d$")
_PSEUDONYM_DIGITS = 8
_APPEALS_PATH = "/review/appeals"


class ActionLink(NamedTuple):
    """A command about a case, its key, and the URL of its form."""

    title: str
    key: str
    url: str


class BulkResult(NamedTuple):
    """What became of a case among the selected ones."""

    case: str
    url: str
    state: str  # done, unchanged, pending, refused or selected
    text: str
    proposal_url: str | None = None


async def show_queue(context: PageContext) -> web.Response:
    """Show the open cases, those about the most money first; filters choose others."""
    return await render_queue(context)


async def render_queue(
    context: PageContext, results: Sequence[BulkResult] = (), fault: str | None = None, status: int = 200
) -> web.Response:
    """Return the page of the queue, with what became of selected cases."""
    context.require_role(review_lists.READERS)
    typed = {name: value for name, value in context.request.query.items() if value and name != "lang"}
    query = typed if "state" in typed or "cursor" in typed else {**typed, "state": "open"}
    page, errors = await _read_queue(context, query)
    language = context.language
    return context.render(
        "review",
        422 if errors else status,
        rows=[_queue_row(context, row) for row in page["cases"]],
        filters=[_filter_input(name, query, errors, language) for name in review_lists.FILTERS],
        other_faults=[text for name, text in errors.items() if name not in review_lists.FILTERS],
        is_filtered=bool(typed.keys() & review_lists.FILTERS.keys()),
        next_page_query=_query(context, {"cursor": page["next"]}) if page["next"] else None,
        csv_url=f"{REVIEW_URL}/cases.csv?{urlencode({k: v for k, v in query.items() if k in review_lists.FILTERS})}",
        decisions=_allowed_commands(context, DECISIONS),
        key=secrets.token_urlsafe(18),
        results=results,
        fault=fault,
        appeals_url=_appeals_url(context),
    )


async def _read_queue(context: PageContext, query: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    moments = {name: f"{value}T00:00:00Z" for name, value in query.items() if name == _MOMENT and _DAY.match(value)}
    try:
        async with context.command_context() as command_context:
            return await read_page(review_lists.CASES, command_context, {**query, **moments}), {}
    except ValidationFailed as refused:
        errors = {error.path: refusal_text(error, context.language) for error in refused.field_errors}
        return {"cases": [], "next": None}, errors


def _query(context: PageContext, values: Mapping[str, str]) -> str:
    language = {"lang": context.language} if "lang" in context.request.query else {}
    return f"?{urlencode({**values, **language})}"


def _filter_input(name: str, query: Mapping[str, str], errors: Mapping[str, str], language: Language) -> FilterInput:
    options = (
        [(value, translate(f"review_{value}", language)) for value in ("open", "closed")] if name == "state" else []
    )
    label = labels.field_label(f"filter.{name}", language)
    return FilterInput(name, label, query.get(name, ""), errors.get(name), options, name == _MOMENT)


def _queue_row(context: PageContext, row: CaseView) -> dict[str, Any]:
    """Return a case for the template."""
    return {
        **_case_texts(context, row),
        "actions": _action_links(context, row, _COMMANDS) if row["state"] == "open" else [],
    }


def _case_texts(context: PageContext, row: CaseView) -> dict[str, Any]:
    """Return the texts of a case that the queue and its page share."""
    language, counts = context.language, {"likes": row["likes"], "people": row["people"]}
    figures = {name: formats.number(count, language) for name, count in counts.items()}
    return {
        **row,
        "url": case_url(row["case"]),
        "amount": formats.amount(row["money"]["minor"], row["currency"], language),
        "family_text": labels.lookup_text("choice_family", row["family"], language),
        "state_text": _state_text(row, language),
        "sentences": row["says"][language],
        "size": translate("review_likes_people", language, **figures),
        "due_text": labels.format_minute(row["due_at"]),
    }


def _state_text(row: CaseView, language: Language) -> str:
    outcome = row["outcome"]
    return labels.lookup_text("choice_outcome", outcome, language) if outcome else translate("review_open", language)


def case_url(case_id: str) -> str:
    """Return the URL of a case's page."""
    return f"{REVIEW_URL}/cases/{quote(case_id, safe='')}"


def _allowed_commands(context: PageContext, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return name and title of the commands that the visitor may run."""
    commands = [registry.find_command(name) for name in names]
    return [
        (command.name, command_links.command_title(command, context))
        for command in commands
        if is_allowed(context.actor, command.roles)
    ]


def _action_links(context: PageContext, row: CaseView, names: Sequence[str]) -> list[ActionLink]:
    return [
        ActionLink(title, _KEYS[name], command_links.command_url(name, row["case"]))
        for name, title in _allowed_commands(context, names)
    ]


def _appeals_url(context: PageContext) -> str | None:
    """Return the URL of the list of appeals; None without one that the visitor may see."""
    endpoint = next((e for e in registry.LIST_ENDPOINTS if e.path == _APPEALS_PATH), None)
    is_for_visitor = endpoint is not None and is_allowed(context.actor, endpoint.roles)
    return ADMIN_WEB_PREFIX + _APPEALS_PATH if is_for_visitor else None


async def show_case(context: PageContext) -> web.Response:
    """Show a case: evidence in words, what each decision would do, its likes and its steps."""
    context.require_role(review_lists.READERS)
    async with context.command_context() as command_context:
        case = await review_lists.read_case(command_context, context.request.match_info["case"])
    language = context.language
    names = [name for name in _COMMANDS if _is_possible(case, name)]
    return context.render(
        "case",
        case=_case_texts(context, case),
        outcomes=[
            (translate(f"case_{name}", language), *_outcome_texts(case[name], case["currency"], language))
            for name in ("if_released", "if_void")
        ],
        related=[_related_row(row, language) for row in case["people_in_other_cases"]],
        steps=[_step_row(step, language) for step in case["steps"]],
        likes=[_like_row(row, language) for row in case["likes_listed"][:_LIKES_SHOWN]],
        likes_url=f"{REVIEW_URL}/likes{_query(context, {'case': case['case']})}",
        inline_commands=[
            (_KEYS[name], await inline_command(context, registry.find_command(name), case["case"]))
            for name, _ in _allowed_commands(context, names)
        ],
        is_own_decision=_took_part(context, case),
    )


def _is_possible(case: CaseDetail, name: str) -> bool:
    """Return whether a command makes sense now: a decided case can only be decided otherwise. Pure."""
    if name not in DECISIONS or case["state"] == "open":
        return True
    return case["outcome"] == ("void" if name == "case.release" else "released")


def _took_part(context: PageContext, case: CaseDetail) -> bool:
    steps = [step for step in case["steps"] if step["action"] in ("release", "void")]
    return any(context.actor.name in (step["by"], step["approved_by"]) for step in steps)


def _outcome_texts(outcome: OutcomeView, currency: str, language: Language) -> tuple[str, str, str]:
    """Return the change of counted likes, the change of the amount due, and the amount afterwards. Pure."""
    change = outcome["change"]["minor"]
    likes, amount = formats.number(outcome["counted_likes"], language), formats.amount(change, currency, language)
    due = formats.amount(outcome["due"]["minor"], currency, language)
    return ("+" if outcome["counted_likes"] > 0 else "") + likes, ("+" if change > 0 else "") + amount, due


def _related_row(row: Mapping[str, Any], language: Language) -> tuple[str, str, str, str]:
    """Return URL, id, family and shared people of another case. Pure."""
    family = labels.lookup_text("choice_family", row["family"], language)
    people = translate("case_related_people", language, people=formats.number(row["people"], language))
    return case_url(row["case"]), row["case"], family, people


def _step_row(step: StepView, language: Language) -> dict[str, Any]:
    """Return a step for the template. Pure."""
    return {
        **step,
        "action_text": labels.lookup_text("choice_action", step["action"], language),
        "at_text": labels.format_minute(step["at"]),
        "likes_text": formats.number(step["likes"], language),
    }


def _like_row(row: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Return a like for the template. Pure."""
    return {
        **row,
        "pseudonym": row["person"][:_PSEUDONYM_DIGITS],
        "at_text": labels.format_minute(row["at"]),
        "state_text": labels.lookup_text("choice_like_state", row["state"], language),
        "verdict_text": labels.lookup_text("choice_verdict", row["verdict"], language) if row["verdict"] else None,
    }
