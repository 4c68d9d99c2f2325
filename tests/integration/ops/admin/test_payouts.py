"""Settlements and payouts by the API: approved by two people, sent, paid by a real bank."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from admin_client import AdminClient, create_tokens
from campaigns.promise.model import Promise
from ledger.payouts import sending
from ledger.payouts.sending import end_to_end_id
from ledger.reconciliation.statements.csv_table import COLUMNS
from mock_bank import PAYER_BIC, PAYER_IBAN, MockBank, running_bank
from ops.admin import registry
from ops.admin.core import execute, idempotency
from ops.admin.core.actor import OPERATOR
from ops.admin.core.errors import Forbidden
from ops.admin.resources.proposals import Approval
from ops.clock import utc_now
from running_service import SLUG, RunningService, like, promise, running_service

SETTLEMENTS_PATH = f"/campaigns/{SLUG}/settlements"
ACCOUNTS = {"village-schools": "DE89370400440532013000", "mobile-libraries": "FR1420041010050500013M02606"}


def euro_promise() -> Promise:
    """Return the promise in euros, a cent per like, with accounts that the bank can pay."""
    terms = promise().model_dump(mode="json", exclude_none=True)["terms"]
    beneficiaries = [
        {**payout, "account": {"iban": ACCOUNTS[payout["charity"]]}} for payout in terms["beneficiaries"]
    ]
    rate = {"amount_minor": 1, "per_likes": 1}
    return promise({"currency": "EUR"}, {"beneficiaries": beneficiaries, "rate": rate})


def euro_service(dsn: str, folder: Path, **settings: Any) -> AbstractAsyncContextManager[RunningService]:
    payer = {"payer_name": "ACME Corporation", "payer_account": PAYER_IBAN, "payer_bic": PAYER_BIC}
    channel = {"payout_channel": "pain001", "payout_folder": folder / "outbox"}
    return running_service(dsn, euro_promise(), **channel, **payer, **settings)


@pytest.fixture
async def server(dsn: str, tmp_path: Path) -> AsyncIterator[RunningService]:
    """Yield a service whose campaign ended long ago with a hundred likes."""
    async with euro_service(dsn, tmp_path) as running:
        await create_tokens(running.service.pool)
        assert (await running.send([like(f"p{n}") for n in range(100)])).outcomes == {"counted": 100}
        yield running


@pytest.fixture
def counterparty() -> Iterator[MockBank]:
    with running_bank(f"{utc_now():%Y-%m-%d}T09:00") as bank:
        yield bank


async def run_done(command: Any) -> Any:
    """Await a command and return its response; it must have changed something."""
    status, response = await command
    assert (status, response.get("state")) == (200, "done"), response
    return response


async def settle(server: RunningService, by: str = "fay") -> str:
    """Settle and return the settlement's id."""
    settlements = (await run_done(AdminClient(server, by).run_command(SETTLEMENTS_PATH)))["after"]
    return next(iter(settlements))


async def approve(server: RunningService, settlement: str, *people: str) -> None:
    detail = await read_detail(server, settlement, people[0])
    for person in people:
        body = {"hash": detail["hash"]}
        await run_done(AdminClient(server, person).run_command(f"/settlements/{settlement}/approve", body))


async def read_detail(server: RunningService, settlement: str, by: str = "fay") -> Any:
    _, detail = await AdminClient(server, by).read(f"/settlements/{settlement}")
    return detail


def outbox(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in (folder / "outbox").glob("*.xml")]


async def test_a_settlement_is_paid_by_a_bank(server: RunningService, tmp_path: Path, counterparty: MockBank):
    fay = AdminClient(server, "fay")
    settlement = await settle(server)
    assert (await fay.run_command(SETTLEMENTS_PATH, key="again"))[1]["state"] == "unchanged", "settled once"
    status, problem = await fay.run_command(f"/settlements/{settlement}/send")
    assert (status, problem["code"], problem["params"]["approvals_number"]) == (409, "approvals_missing", 2)
    await approve(server, settlement, "fred", "olga")
    response = await run_done(fay.run_command(f"/settlements/{settlement}/send"))
    assert (response["before"]["state"], response["after"]["state"]) == ("approved", "sending")
    assert (await read_detail(server, settlement))["state"] == "sent"
    for file in outbox(tmp_path):
        counterparty.call("/payments", file)
    for message in counterparty.messages("pain.002"):
        await fay.send_file("/statements", message)
    counterparty.advance(8)
    statements = counterparty.statements()
    paid = [
        (await run_done(fay.send_file("/statements", message)))["after"]["payouts_paid"] for message in statements
    ]
    assert sum(paid) == 2
    assert (await fay.send_file("/statements", statements[0]))[1]["state"] == "unchanged"
    detail = await read_detail(server, settlement)
    assert (detail["state"], detail["says"]) == (
        "reconciled",
        "all of it was paid, or is carried over to a later settlement",
    )
    assert all(payout["says"].startswith("paid on") and payout["paid_on"] for payout in detail["payouts"])
    lines = (await fay.read("/statement-lines", unmatched="false"))[1]["lines"]
    assert {line["payout"] for line in lines} == {payout["payout"] for payout in detail["payouts"]}
    entries = await server.service.pool.fetch("SELECT by, command FROM audit_log ORDER BY audit_id")
    assert [tuple(row) for row in entries][:4] == [
        ("fay", "settlement.make"),
        ("fred", "settlement.approve"),
        ("olga", "settlement.approve"),
        ("fay", "settlement.send"),
    ]


async def test_the_maker_of_a_settlement_cannot_approve_it(server: RunningService):
    settlement = await settle(server, "fay")
    detail = await read_detail(server, settlement)
    assert detail["made_by"] == "fay"
    body = {"hash": detail["hash"]}
    status, problem = await AdminClient(server, "fay").run_command(f"/settlements/{settlement}/approve", body)
    assert (status, problem["code"]) == (409, "approver_made_settlement")
    for invalid, expected in (("0" * 64, 409), ("x", 422)):
        path = f"/settlements/{settlement}/approve"
        assert (await AdminClient(server, "fred").run_command(path, {"hash": invalid}, key=invalid))[0] == expected
    services = server.service.command_services
    with pytest.raises(Forbidden, match="approval_needs_personal_token"):
        await execute.execute(
            services, OPERATOR, registry.find_command("settlement.approve"), settlement, Approval(**body)
        )
    await approve(server, settlement, "fred")
    repeated = await AdminClient(server, "fred").run_command(f"/settlements/{settlement}/approve", body, key="again")
    assert (repeated[0], repeated[1]["state"]) == (200, "unchanged")
    approvals = (await read_detail(server, settlement))["approvals"]
    assert [(payout["person"], payout["counts"]) for payout in approvals] == [("fred", True)]


async def test_work_that_fails_after_the_commit_is_pending_and_resumed(
    server: RunningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settlement, fay = await settle(server), AdminClient(server, "fay")
    await approve(server, settlement, "fred", "olga")
    path = f"/settlements/{settlement}/send"

    async def crashes(*_: Any) -> None:
        raise OSError("the process ends here")

    with monkeypatch.context() as broken:
        broken.setattr(sending, "resume_sending", crashes)
        first = await fay.run_command(path, key="one")
    assert (first[0], first[1]["after"]["state"], first[1]["after_commit"]) == (200, "sending", "pending")
    sample, labels = "like_ledger_after_commit_failures_total", {"command": "settlement.send"}
    assert server.service.metrics.registry.get_sample_value(sample, labels) == 1
    assert await fay.run_command(path, key="one") == first, "the same key: the same response"
    assert outbox(tmp_path) == [], "and nothing is sent for it"
    assert (await read_detail(server, settlement))["state"] == "sending"
    status, response = await fay.run_command(path, key="two")
    assert (status, response["state"], response["after_commit"]) == (200, "unchanged", "done")
    assert await fay.run_command(path, key="two") == (status, response)
    assert ((await read_detail(server, settlement))["state"], len(outbox(tmp_path))) == ("sent", 1)


async def test_work_is_done_although_its_response_cannot_be_stored(
    server: RunningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settlement, fay = await settle(server), AdminClient(server, "fay")
    await approve(server, settlement, "fred", "olga")
    store, stored = idempotency.store_response, list[bytes]()

    async def store_once(conn: Any, key: Any, response: bytes) -> None:
        stored.append(response)
        if len(stored) > 1:
            raise OSError("the connection is lost")
        await store(conn, key, response)

    monkeypatch.setattr(idempotency, "store_response", store_once)
    status, response = await fay.run_command(f"/settlements/{settlement}/send")
    assert (status, response["after_commit"], len(stored), len(outbox(tmp_path))) == (200, "done", 2, 1)
    sample, labels = "like_ledger_after_commit_failures_total", {"command": "settlement.send"}
    assert server.service.metrics.registry.get_sample_value(sample, labels) == 0


async def test_a_dry_run_sends_nothing(server: RunningService, tmp_path: Path):
    settlement = await settle(server)
    await approve(server, settlement, "fred", "olga")
    status, dry_run_response = await AdminClient(server, "fay").run_command(
        f"/settlements/{settlement}/send", dry_run="true"
    )
    assert (status, dry_run_response["after"]["state"]) == (200, "sending")
    assert ((await read_detail(server, settlement))["state"], outbox(tmp_path)) == ("approved", [])


async def test_of_simultaneous_sends_one_succeeds(server: RunningService, tmp_path: Path):
    settlement = await settle(server)
    await approve(server, settlement, "fred", "olga")
    clerks = [AdminClient(server, name) for name in ("fay", "fred", "olga", "otto")]
    responses = await asyncio.gather(*(clerk.run_command(f"/settlements/{settlement}/send") for clerk in clerks))
    assert [response["state"] for status, response in responses if status == 200].count("done") == 1
    assert ((await read_detail(server, settlement))["state"], len(outbox(tmp_path))) == ("sent", 1)


async def test_a_person_records_the_results_of_the_bank(server: RunningService):
    settlement, fay = await settle(server), AdminClient(server, "fay")
    await approve(server, settlement, "fred", "olga")
    await run_done(fay.run_command(f"/settlements/{settlement}/send", {"channel": "manual"}))
    first, second = [payout["payout"] for payout in (await read_detail(server, settlement))["payouts"]]
    body = {"bank_reference": "BANK-1", "evidence": "ab" * 32}
    await run_done(fay.run_command(f"/payouts/{first}/record-result", body))
    await run_done(fay.run_command(f"/payouts/{second}/record-result", {"refusal_reason": "no such account"}))
    for invalid in ({}, {"bank_reference": "B", "refusal_reason": "R"}):
        status, problem = await fay.run_command(f"/payouts/{second}/record-result", invalid)
        assert (status, problem["faults"][0]["code"]) == (422, "payout_result_ambiguous")
    await run_done(fay.run_command(f"/payouts/{second}/retry"))
    detail = await read_detail(server, settlement)
    assert [(payout["state"], payout["attempt"]) for payout in detail["payouts"]] == [("sent", 1), ("waiting", 2)]
    assert (detail["approval_count"], detail["approvals_missing"]) == (0, 2), "it needs approval again"
    body = {"hash": detail["hash"]}
    status, problem = await AdminClient(server, "fay").run_command(
        f"/settlements/{settlement}/approve", body, key="own"
    )
    assert (status, problem["code"]) == (409, "approver_made_settlement")
    rows = (await fay.read("/payouts", state="sent"))[1]["payouts"]
    assert [(payout["payout"], payout["evidence"]) for payout in rows] == [(first, ["ab" * 32])]


async def test_a_cancelled_settlement_cannot_be_sent(server: RunningService):
    settlement, fay = await settle(server), AdminClient(server, "fay")
    response = await run_done(fay.run_command(f"/settlements/{settlement}/cancel"))
    assert response["after"]["state"] == "cancelled"
    assert (await fay.run_command(f"/settlements/{settlement}/cancel"))[0] == 409
    assert (await fay.run_command(f"/settlements/{settlement}/send"))[1]["state"] == "unchanged"


async def test_lists_page_and_filter_and_show_accounts_to_finance_only(server: RunningService):
    settlement, fay = await settle(server), AdminClient(server, "fay")
    for state, count in (("open", 1), ("approved", 0), ("sent", 0)):
        assert len((await fay.read("/settlements", state=state, campaign=SLUG))[1]["settlements"]) == count
    assert (await fay.read("/settlements", campaign="other"))[1]["settlements"] == []
    _, page = await fay.read("/payouts", limit="1", settlement=settlement)
    assert page["faults"][0]["path"] == "settlement", "an unknown filter is refused"
    _, page = await fay.read("/payouts", limit="1", campaign=SLUG)
    _, rest = await fay.read("/payouts", cursor=page["next"])
    assert {payout["charity"] for payout in page["payouts"] + rest["payouts"]} == set(ACCOUNTS)
    assert rest["next"] is None
    for name, sees_accounts in (("fay", True), ("al", True), ("olga", True), ("cat", False), ("rita", False)):
        detail = await read_detail(server, settlement, name)
        assert any(iban in json.dumps(detail) for iban in ACCOUNTS.values()) is sees_accounts
    for invalid in ({"state": "lost"}, {"cursor": "W3t9LFsxXV0"}):
        assert (await fay.read("/settlements", **invalid))[0] == 422
    assert (await fay.read("/settlements/stl_x"))[0] == 404


async def test_unknown_ids_are_not_found(server: RunningService):
    bodies: dict[str, Any] = {
        "/settlements/stl_x/approve": {"hash": "0" * 64},
        "/settlements/stl_x/cancel": {},
        "/settlements/stl_x/send": {},
        "/payouts/pay_x/retry": {},
        "/payouts/pay_x/record-result": {"refusal_reason": "no"},
    }
    for path, body in bodies.items():
        assert (await AdminClient(server, "fay").run_command(path, body))[0] == 404, path


async def test_an_invalid_statement_changes_nothing(server: RunningService):
    settlement, fay = await settle(server), AdminClient(server, "fay")
    await approve(server, settlement, "fred", "olga")
    await run_done(fay.run_command(f"/settlements/{settlement}/send"))
    payout, _ = (await read_detail(server, settlement))["payouts"]
    amount = payout["amount"]["text"]
    lines = [
        ",".join(COLUMNS),
        f"{PAYER_IBAN},S,opening,2026-11-10,0.00,EUR,credit,,,,",
        f"{PAYER_IBAN},S,entry,2026-11-10,{amount},EUR,debit,{end_to_end_id(payout['payout'], 1)},,,",
        f"{PAYER_IBAN},S,entry,2026-11-10,0.05,EUR,debit,,,,fee",
        f"{PAYER_IBAN},S,closing,2026-11-10,{{}},EUR,debit,,,,",
        "NL00OTHER0001,S,opening,2026-11-10,1.00,EUR,credit,,,,",
        "NL00OTHER0001,S,closing,2026-11-10,2.00,EUR,credit,,,,",
    ]
    invalid, right = ("\r\n".join(lines).format(closing).encode() for closing in ("9.99", "0.75"))
    refused = {
        b"": "statement_columns_wrong",
        b"<a/>": "statement_missing",
        b"\xff\x00": "statement_file_is_binary",
        invalid: "statement_does_not_add_up",
    }
    for file, code in refused.items():
        status, problem = await fay.send_file("/statements", file)
        assert (status, problem["code"]) == (409, code)
    assert (await fay.read("/statement-lines"))[1]["lines"] == []
    dry_run_response = await fay.send_file("/statements", right, dry_run="true")
    response = await run_done(fay.send_file("/statements", right))
    assert (response["after"]["payouts_paid"], response["after"]["lines_unmatched"]) == (1, 1)
    assert dry_run_response[1]["after"] == response["after"]
    assert (response["after"]["lines"], response["after"]["skipped"]) == (2, 1)
    assert response["details"]["skipped"] == [
        {"code": "statement_of_other_account", "params": {"statement": "S", "account_ending": "0001"}}
    ]
    again = (await fay.send_file("/statements", right + b"\n"))[1]
    assert (again["state"], again["after"]["known_before"], again["after"]["skipped"]) == ("unchanged", 1, 1)
    (line,) = (await fay.read("/statement-lines", unmatched="true"))[1]["lines"]
    assert (line["description"], line["amount"]["minor"]) == ("fee", 5)
    assert line["match_rule"] == "no_payout_matches"


async def unmatched_line(server: RunningService, minor: int) -> tuple[str, str, list[str]]:
    """Send a settlement and import a debit that names nothing; return settlement, path and payouts."""
    settlement, fay = await settle(server), AdminClient(server, "fay")
    await approve(server, settlement, "fred", "olga")
    await run_done(fay.run_command(f"/settlements/{settlement}/send"))
    payouts = [payout["payout"] for payout in (await read_detail(server, settlement))["payouts"]]
    rows = [
        ",".join(COLUMNS),
        f"{PAYER_IBAN},S,opening,2026-11-10,0.00,EUR,credit,,,,",
        f"{PAYER_IBAN},S,entry,2026-11-10,{minor / 100:.2f},EUR,debit,,B-9,,a transfer",
        f"{PAYER_IBAN},S,closing,2026-11-10,{minor / 100:.2f},EUR,debit,,,,",
    ]
    await run_done(fay.send_file("/statements", "\n".join(rows).encode()))
    (line,) = (await fay.read("/statement-lines", unmatched="true"))[1]["lines"]
    return settlement, f"/statement-lines/{line['id']}/match", payouts


async def test_a_person_matches_a_line_that_no_rule_matched(server: RunningService):
    _, path, (first, second) = await unmatched_line(server, 70)
    fay, body = AdminClient(server, "fay"), {"payout": first, "reason": "the bank's letter"}
    response = await run_done(fay.run_command(path, body))
    assert (response["after"]["payouts"][first]["state"], response["after"]["reason"]) == ("paid", body["reason"])
    assert (await fay.run_command(path, body))[1]["state"] == "unchanged"
    status, problem = await fay.run_command(path, {**body, "payout": second})
    assert (status, problem["code"]) == (409, "statement_line_already_matched")
    (line,) = (await fay.read("/statement-lines", unmatched="false"))[1]["lines"]
    assert (line["payout"], line["manual_match"]["by"], line["manual_match"]["reason"]) == (
        first,
        "fay",
        body["reason"],
    )
    assert (await fay.read("/statement-lines", unmatched="true"))[1]["lines"] == []


async def test_a_difference_above_the_threshold_needs_a_second_person(server: RunningService):
    """The promise's threshold is zero: one person cannot let a difference pass."""
    _, path, (first, second) = await unmatched_line(server, 103)
    fay, fred = AdminClient(server, "fay"), AdminClient(server, "fred")
    body = {"payout": first, "more_payouts": [second], "reason": "the rest is the bank's fee"}
    status, proposed = await fay.run_command(path, body)
    assert (status, proposed["state"], proposed["after"]["difference_minor"]) == (202, "pending", 3)
    assert len((await fay.read("/statement-lines", unmatched="true"))[1]["lines"]) == 1
    decision = f"/proposals/{proposed['proposal']}"
    approval = {"hash": (await fred.read(decision))[1]["hash"]}
    assert (await fay.run_command(f"{decision}/approve", approval))[1]["code"] == "proposal_by_same_person"
    await run_done(fred.run_command(f"{decision}/approve", approval))
    (line,) = (await fay.read("/statement-lines", unmatched="false"))[1]["lines"]
    assert (sorted(line["payouts"]), line["difference"]["minor"]) == (sorted([first, second]), 3)
    await expect_published_difference(server, [first, second], 3)


async def expect_published_difference(server: RunningService, payouts: list[str], minor: int) -> None:
    """Expect the difference in the public JSON and CSV, and on the page of each payout."""
    published = json.loads(await read_text(server, f"/v1{SETTLEMENTS_PATH}"))
    shown = {p["id"]: p["differences"] for s in published["settlements"] for p in s["payouts"]}
    assert [[d["amount"]["minor"] for d in shown[payout]] for payout in payouts] == [[minor]] * len(payouts)
    rows = list(csv.DictReader(io.StringIO(await read_text(server, f"/v1{SETTLEMENTS_PATH}.csv"))))
    assert sum(int(row["bank_differences_minor"] or 0) for row in rows) == minor, "a table adds it up once"
    for language, words in (("en", "differs by"), ("zh", "相差")):
        for payout in payouts:
            assert words in await read_text(server, f"/campaigns/{SLUG}/payouts/{payout}?lang={language}")


async def read_text(server: RunningService, path: str) -> str:
    async with server.http.get(server.url + path) as response:
        assert response.status == 200
        return await response.text()
