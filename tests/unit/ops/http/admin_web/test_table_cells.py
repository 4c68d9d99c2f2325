"""Table cells for people: values in words, subjects with a link."""

from typing import Any, get_args

import pytest

from ledger.settlements.model import SettlementState
from ledger.settlements.payout_steps import PayoutState
from ops.admin import registry
from ops.admin.core.actor import ROLES, EntryPoint
from ops.admin.core.proposals import ProposalState
from ops.http.admin_web.table_cells import build_cell, format_subject, subject_url
from ops.i18n.language import TEXTS
from ops.i18n.refusals import code_text

AUDIT_ONLY = ("proposal_create", "proposal_execute", "upload_end")  # audit entries that are not commands


def test_states_entry_points_and_roles_have_texts() -> None:
    states = {*SettlementState, *PayoutState, *ProposalState}
    keys = {f"choice_state_{state}" for state in states} | {f"settlement_{state}" for state in SettlementState}
    keys |= {f"choice_entry_point_{entry.replace(' ', '_')}" for entry in get_args(EntryPoint)}
    keys |= {f"choice_role_{role}" for role in ("operator", *ROLES)} | {f"command_{name}" for name in AUDIT_ONLY}
    assert {key for key in keys if key not in TEXTS} == set()


@pytest.mark.parametrize(
    "subject",
    [
        *("campaign/a", "proposal/b", "settlement/c", "payout/d", "charity/e", "sponsor/f", "platform/g"),
        *("token/h", "upload/i", f"file/{'0' * 64}"),
    ],
)
def test_a_subject_has_a_page_and_a_name(subject: str) -> None:
    lists = {endpoint.path.strip("/") for endpoint in registry.LIST_ENDPOINTS}
    assert subject_url(subject).split("/")[2] in lists
    assert format_subject(subject, "zh") != format_subject(subject, "en")


def test_a_subject_is_shortened_and_quoted() -> None:
    assert format_subject(f"file/{'0' * 64}", "en") == "Statement file 000000000000…"
    assert subject_url("campaign/../x") == "/admin/campaigns/..%2Fx"


@pytest.mark.parametrize(
    ("name", "row", "text"),
    [
        ("amount", {"amount": {"minor": 1250, "text": "12.50"}, "currency": "CNY"}, "¥12.50"),
        ("name", {"name": {"zh": "种树", "en": "Trees"}}, "种树"),
        ("account", {"account": {"id": "1", "scheme": "other"}}, "other 1"),
        ("state", {"state": "returned"}, "被退回"),
        ("fault", {"fault": "list_not_found"}, "list_not_found"),
        ("match_rule", {"match_rule": "no_payout_matches"}, code_text("no_payout_matches", {}, "zh")),
        ("match_rule", {"match_rule": "missing"}, "missing"),
        ("match_rule", {"match_rule": "no payout has its amount"}, "no payout has its amount"),
        ("returned_because", {"returned_because": "account closed"}, "account closed"),
        ("returned_because", {"returned_because": "missing"}, "missing"),
        ("returned_because", {"returned_because": "refused_without_reason"}, "被拒绝，没有说明原因"),
        ("description", {"description": "2026-11-01T00:00:00Z"}, "2026-11-01T00:00:00Z"),
        ("command", {"command": "settlement.approve"}, "批准结算"),
        ("is_disabled", {"is_disabled": True}, "是"),
        ("total", {"total": 12000}, "12,000"),
        ("former_names", {"former_names": []}, "—"),
        ("manual_match", {"manual_match": {"by": "fay", "reason": "by telephone"}}, "fay · by telephone"),
    ],
)
def test_a_cell_is_written_for_people(name: str, row: Any, text: str) -> None:
    assert build_cell(name, row, "zh").text == text
