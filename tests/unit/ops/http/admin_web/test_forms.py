"""Forms of the administration's pages: made of models, read back into bodies, named in both languages."""

from typing import Any, get_args

import orjson
import pytest

from campaigns.errors import FieldError
from campaigns.promise.model import Promise
from ledger.settlements.model import SettlementState
from ledger.settlements.payout_steps import PayoutState
from ops.admin import registry
from ops.admin.core.actor import ROLES, EntryPoint
from ops.admin.core.proposals import ProposalState
from ops.http.admin_web.forms import parsing
from ops.http.admin_web.forms.parsing import InputFormat
from ops.http.admin_web.forms.rendering import nearest_path, render_form
from ops.http.admin_web.forms.schema import form_schema, iterate_fields
from ops.http.admin_web.pages.lists import COLUMNS
from ops.http.admin_web.table_cells import build_cell, format_subject, subject_url
from ops.i18n.field_kinds import FieldKind
from ops.i18n.labels import format_minute, format_value
from ops.i18n.language import TEXTS
from ops.i18n.legacy_refusals import translate_refusal
from serving import promise

HOW = InputFormat("CNY", "Asia/Shanghai")
PARTS = form_schema(Promise)
WITHOUT_A_FORM = ("proposal_create", "proposal_execute", "upload_end")  # audit entries that are not commands


def test_a_form_that_says_a_promise_says_that_promise() -> None:
    asked = promise(terms={"daily_cap_minor": 505, "likes_per_person_per_day": 20})
    said = parsing.from_body(PARTS, asked.model_dump(mode="json", exclude_none=True), HOW)
    assert (said["terms.daily_cap_minor"], said["terms.beneficiaries.0.share_bp"]) == ("5.05", "70")
    assert said["campaign.starts_at"] == "2022-04-08T00:00"
    assert Promise.model_validate_json(orjson.dumps(parsing.to_body(PARTS, said, HOW))) == asked


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("12.5", "CNY", 1250),
        ("12", "CNY", 1200),
        ("1,200.05", "CNY", 120005),
        ("0.01", "CNY", 1),
        ("1.500", "KWD", 1500),
        ("700", "JPY", 700),
        ("-1", "CNY", -100),
        ("1.005", "CNY", "1.005"),
        ("1.5", "JPY", "1.5"),
        ("1.", "CNY", "1."),
        ("1e3", "CNY", "1e3"),
        ("١", "CNY", "١"),
        ("9" * 40, "CNY", "9" * 40),
    ],
)
def test_an_amount_is_read_exactly_or_left_to_be_refused(typed: str, currency: str, minor: int | str) -> None:
    parts = form_schema(registry.find_command("campaign.fund").body_type)
    assert parsing.to_body(parts, {"amount_minor": typed}, InputFormat(currency)) == {"amount_minor": minor}


@pytest.mark.parametrize("command", registry.COMMANDS, ids=lambda command: command.name)
def test_each_command_and_field_has_a_name_in_both_languages(command: Any) -> None:
    assert f"command_{command.name}".replace(".", "_").replace("-", "_") in TEXTS
    for field in iterate_fields(form_schema(command.body_type)):
        parts = [part for part in field.path.split(".") if part != "*"]
        assert any("field_" + "_".join(parts[n:]) in TEXTS for n in range(len(parts))), field.path


def test_each_note_is_about_a_command() -> None:
    commands = {f"note_{command.name}".replace(".", "_").replace("-", "_") for command in registry.COMMANDS}
    assert {key for key in TEXTS if key.startswith("note_")} <= commands


@pytest.mark.parametrize("listing", registry.LIST_ENDPOINTS, ids=lambda listing: listing.name)
def test_each_column_has_a_name_in_both_languages(listing: Any) -> None:
    missing = {
        name for name in [*listing.view_type.__annotations__, *listing.filters] if f"field_{name}" not in TEXTS
    }
    assert missing == set()


@pytest.mark.parametrize("listing", registry.LIST_ENDPOINTS, ids=lambda listing: listing.name)
def test_a_page_shows_columns_that_its_list_has(listing: Any) -> None:
    own = {"campaigns", "proposals"}  # which have pages of their own
    assert listing.name in own or set(COLUMNS[listing.name]) <= set(listing.view_type.__annotations__)


def test_states_doors_and_roles_are_said_in_words() -> None:
    states = {*SettlementState, *PayoutState, *ProposalState}
    keys = {f"choice_state_{state}" for state in states} | {f"settlement_{state}" for state in SettlementState}
    keys |= {f"choice_entry_point_{door.replace(' ', '_')}" for door in get_args(EntryPoint)}
    keys |= {f"choice_role_{role}" for role in ("operator", *ROLES)} | {f"command_{name}" for name in WITHOUT_A_FORM}
    assert {key for key in keys if key not in TEXTS} == set()


def test_what_something_is_about_has_a_page() -> None:
    known = {each.path.strip("/") for each in registry.LIST_ENDPOINTS}
    for told in ("campaign/a", "proposal/b", "settlement/c", "payout/d", "charity/e", "sponsor/f", "platform/g"):
        assert subject_url(told).split("/")[2] in known, told
        assert format_subject(told, "zh") != format_subject(told, "en"), told
    for told in ("token/h", "upload/i", f"file/{'0' * 64}"):
        assert subject_url(told).split("/")[2] in known, told
    assert format_subject(f"file/{'0' * 64}", "en") == "Statement file 000000000000…"
    assert subject_url("campaign/../x") == "/admin/campaigns/..%2Fx"


@pytest.mark.parametrize(
    ("name", "row", "text"),
    [
        ("amount", {"amount": {"minor": 1250, "text": "12.50"}, "currency": "CNY"}, "¥12.50"),
        ("name", {"name": {"zh": "种树", "en": "Trees"}}, "种树"),
        ("account", {"account": {"id": "1", "scheme": "other"}}, "other 1"),
        ("state", {"state": "returned"}, "被退回"),
        ("because", {"because": "no payout has its EndToEndId"}, "没有这个付款编号。"),
        ("command", {"command": "settlement.approve"}, "批准结算"),
        ("is_disabled", {"is_disabled": True}, "是"),
        ("total", {"total": 12000}, "12,000"),
        ("former_names", {"former_names": []}, "—"),
        ("said", {"said": {"by": "fay", "reason": "told by telephone"}}, "fay · told by telephone"),
    ],
)
def test_a_cell_is_written_for_people(name: str, row: Any, text: str) -> None:
    assert build_cell(name, row, "zh").text == text


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("terms.beneficiaries.0.account.iban", "terms.beneficiaries.0.account"),
        ("terms.beneficiaries.7", "terms.beneficiaries"),
        ("promise", ""),
    ],
)
def test_a_fault_is_told_at_the_nearest_place(path: str, found: str) -> None:
    assert nearest_path(path, ["terms", "terms.beneficiaries", "terms.beneficiaries.0.account"]) == found


def test_a_fault_of_no_field_is_in_the_summary() -> None:
    drawn = render_form(PARTS, {}, [FieldError("promise", "too large")], HOW, "en")
    assert [(each.id, each.reason) for each in drawn.summary] == [("", "too large")]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("Field required", "请填写。"),
        ("Input should be greater than or equal to 1", "至少为 1。"),
        ("the share_bp add up to 9950, not 10000", "份额合计为 99.5%，应为 100%。"),
        ("something that nobody foresaw", "something that nobody foresaw"),
        ("there is no campaign 'no such'", "没有名为“no such”的活动。"),
        ("prp_1 is done already", "prp_1 已经是“已完成”。"),
        (
            "campaign.fund is for finance, owner; you are reviewer",
            "只有财务、所有者可以进行“注入预算”；你的角色是复核。",
        ),
        (
            "the share_bp add up to 9950, not 10000; trees is named 2 times",
            "份额合计为 99.5%，应为 100%。trees 出现了 2 次，每家只能出现一次。",
        ),
        ("'a' is no content: String should match pattern 'x'", "“a”不是内容编号：写法不对，请看说明。"),
        ("{0} {slug} is disabled: enable it first", "{0} {slug} is disabled: enable it first"),
        ("x" * 3_000 + " has a token already", "x" * 3_000 + " has a token already"),
    ],
)
def test_reasons_are_in_the_reader_s_language(told: str, words: str) -> None:
    assert translate_refusal(told, None, "zh") == words


def test_english_pages_show_a_refusal_as_it_is_and_a_fault_for_people() -> None:
    assert translate_refusal("there is no campaign 'forest'", None, "en") == "there is no campaign 'forest'"
    assert translate_refusal("Input should be a valid integer", FieldKind.MONEY, "en").startswith(
        "An amount such as 12.50"
    )
    assert translate_refusal("Field required", FieldKind.MONEY, "en") == "Please fill this in."


def test_amounts_in_a_refusal_are_those_of_the_campaign_s_currency() -> None:
    told = "the reference 'b 1' was used before, for 500000 minor units"
    assert translate_refusal(told, None, "zh", "CNY") == "凭证号“b 1”已用过，当时的金额是 ¥5,000.00。"
    assert translate_refusal(told, None, "en") == "The reference “b 1” was used before, for 500,000 minor units."
    other = "l1 is of 5 minor units of KWD, pay_1 of 7 minor units of CNY"
    assert (
        translate_refusal(other, None, "en", "EUR") == "The line is of KWD\N{NO-BREAK SPACE}0.005, pay_1 of CN¥0.07."
    )


def test_values_are_written_for_people() -> None:
    assert format_minute("2026-11-24T02:07:33.396067+08:00") == "2026-11-24 02:07 UTC+8"
    assert format_value("funded_minor", "700000 (7000.00 CNY)", "en") == "CN¥7,000.00"
    assert format_value("terms.beneficiaries.0.share_bp", "1250", "en") == "12.5%"
    assert format_value("reference", "2026-13-99T99:99", "en") == "2026-13-99T99:99"
