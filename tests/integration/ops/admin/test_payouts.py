"""Settlements and payouts through the desk: settled, approved by two people, sent, and paid as a real bank says."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from bank import PAYER_BIC, PAYER_IBAN, MockBank, running_bank
from campaigns.promise.model import Promise
from clerks import AdminClient, create_tokens
from ledger.payouts import sending
from ledger.payouts.sending import end_to_end_id
from ledger.reconciliation.statements.csv_table import COLUMNS
from ops.admin import registry
from ops.admin.core import execute
from ops.admin.core.actor import OPERATOR
from ops.admin.core.command import CommandServices
from ops.admin.core.errors import Forbidden
from ops.admin.resources.proposals import Approval
from ops.clock import utc_now
from serving import SLUG, RunningService, like, promise, running_service

HERE = f"/campaigns/{SLUG}/settlements"
ACCOUNTS = {"village-schools": "DE89370400440532013000", "mobile-libraries": "FR1420041010050500013M02606"}


def in_euros() -> Promise:
    """Return the promise in euros, to accounts that the bank can pay, a cent a like."""
    terms = promise().model_dump(mode="json", exclude_none=True)["terms"]
    beneficiaries = [{**one, "account": {"iban": ACCOUNTS[one["charity"]]}} for one in terms["beneficiaries"]]
    rate = {"amount_minor": 1, "per_likes": 1}
    return promise({"currency": "EUR"}, {"beneficiaries": beneficiaries, "rate": rate})


def serving(dsn: str, folder: Path, **settings: Any) -> AbstractAsyncContextManager[RunningService]:
    payer = {"payer_name": "ACME Corporation", "payer_account": PAYER_IBAN, "payer_bic": PAYER_BIC}
    own = {"payout_channel": "pain001", "payout_folder": folder / "outbox", **payer, **settings}
    return running_service(dsn, in_euros(), **own)


@pytest.fixture
async def served(dsn: str, tmp_path: Path) -> AsyncIterator[RunningService]:
    """Yield a service whose campaign ended long ago with a hundred likes."""
    async with serving(dsn, tmp_path) as own:
        await create_tokens(own.service.pool)
        assert (await own.send([like(f"p{n}") for n in range(100)])).outcomes == {"counted": 100}
        yield own


@pytest.fixture
def counterparty() -> Iterator[MockBank]:
    with running_bank(f"{utc_now():%Y-%m-%d}T09:00") as found:
        yield found


async def done(asked: Any) -> Any:
    """Return what a command that was given did."""
    status, answer = await asked
    assert (status, answer.get("state")) == (200, "done"), answer
    return answer


async def settled(served: RunningService, by: str = "fay") -> str:
    """Settle, and return the settlement's id."""
    made = (await done(AdminClient(served, by).run_command(HERE)))["after"]
    return next(iter(made))


async def approved(served: RunningService, settlement: str, *people: str) -> None:
    _, shown = await AdminClient(served, people[0]).read(f"/settlements/{settlement}")
    for person in people:
        asked = {"hash": shown["hash"]}
        await done(AdminClient(served, person).run_command(f"/settlements/{settlement}/approve", asked))


async def shown(served: RunningService, settlement: str, by: str = "fay") -> Any:
    _, found = await AdminClient(served, by).read(f"/settlements/{settlement}")
    return found


def outbox(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in (folder / "outbox").glob("*.xml")]


async def test_the_whole_road_with_a_bank(served: RunningService, tmp_path: Path, counterparty: MockBank):
    fay = AdminClient(served, "fay")
    own = await settled(served)
    assert (await fay.run_command(HERE, key="again"))[1]["state"] == "unchanged", "settled once"
    status, refused = await fay.run_command(f"/settlements/{own}/send")
    assert (status, "waits for 2 more people" in refused["detail"]) == (409, True)
    await approved(served, own, "fred", "olga")
    answer = await done(fay.run_command(f"/settlements/{own}/send"))
    assert (answer["before"]["state"], answer["after"]["state"]) == ("approved", "sending")
    assert (await shown(served, own))["state"] == "sent"
    for file in outbox(tmp_path):
        counterparty.call("/payments", file)
    for said in counterparty.messages("pain.002"):
        await fay.send_file("/statements", said)
    counterparty.advance(8)
    statements = counterparty.statements()
    paid = [(await done(fay.send_file("/statements", said)))["after"]["payouts_paid"] for said in statements]
    assert sum(paid) == 2
    assert (await fay.send_file("/statements", statements[0]))[1]["state"] == "unchanged"
    found = await shown(served, own)
    assert (found["state"], found["says"]) == ("reconciled", "all of it was paid, or waits for a later settlement")
    assert all(one["says"].startswith("paid on") and one["paid_on"] for one in found["payouts"])
    lines = (await fay.read("/statement-lines", unmatched="false"))[1]["lines"]
    assert {line["payout"] for line in lines} == {one["payout"] for one in found["payouts"]}
    told = await served.service.pool.fetch("SELECT by, command FROM audit_log ORDER BY audit_id")
    assert [tuple(row) for row in told][:4] == [
        ("fay", "settlement.make"),
        ("fred", "settlement.approve"),
        ("olga", "settlement.approve"),
        ("fay", "settlement.send"),
    ]


async def test_whoever_made_it_approves_it_through_no_door(served: RunningService):
    own = await settled(served, "fay")
    found = await shown(served, own)
    assert found["made_by"] == "fay"
    asked = {"hash": found["hash"]}
    status, refused = await AdminClient(served, "fay").run_command(f"/settlements/{own}/approve", asked)
    assert (status, refused["detail"]) == (409, f"fay made {own} and cannot approve it")
    for wrong, expected in (("0" * 64, 409), ("x", 422)):
        path = f"/settlements/{own}/approve"
        assert (await AdminClient(served, "fred").run_command(path, {"hash": wrong}, key=wrong))[0] == expected
    service = served.service
    office = CommandServices(service.pool, service.keys, service.settings)
    with pytest.raises(Forbidden, match="with a token of their own"):
        await execute.execute(office, OPERATOR, registry.find_command("settlement.approve"), own, Approval(**asked))
    await approved(served, own, "fred")
    again = await AdminClient(served, "fred").run_command(f"/settlements/{own}/approve", asked, key="again")
    assert (again[0], again[1]["state"]) == (200, "unchanged")
    given = (await shown(served, own))["given"]
    assert [(one["person"], one["counts"]) for one in given] == [("fred", True)]


async def test_a_crash_after_the_commit_leaves_what_the_next_sending_takes_up(
    served: RunningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    own, fay = await settled(served), AdminClient(served, "fay")
    await approved(served, own, "fred", "olga")
    path = f"/settlements/{own}/send"

    async def crashes(*_: Any) -> None:
        raise OSError("the process ends here")

    with monkeypatch.context() as broken:
        broken.setattr(sending, "resume_sending", crashes)
        first = await fay.run_command(path, key="one")
    assert (first[0], first[1]["after"]["state"]) == (200, "sending")
    assert await fay.run_command(path, key="one") == first, "the same key: the same answer"
    assert outbox(tmp_path) == [], "and nothing is done for it"
    assert (await shown(served, own))["state"] == "sending"
    status, answer = await fay.run_command(path, key="two")
    assert (status, answer["state"]) == (200, "unchanged")
    assert ((await shown(served, own))["state"], len(outbox(tmp_path))) == ("sent", 1)


async def test_a_dry_run_sends_nothing(served: RunningService, tmp_path: Path):
    own = await settled(served)
    await approved(served, own, "fred", "olga")
    status, tried = await AdminClient(served, "fay").run_command(f"/settlements/{own}/send", dry_run="true")
    assert (status, tried["after"]["state"]) == (200, "sending")
    assert ((await shown(served, own))["state"], outbox(tmp_path)) == ("approved", [])


async def test_of_several_who_send_at_once_one_does_it(served: RunningService, tmp_path: Path):
    own = await settled(served)
    await approved(served, own, "fred", "olga")
    clerks = [AdminClient(served, name) for name in ("fay", "fred", "olga", "otto")]
    answers = await asyncio.gather(*(clerk.run_command(f"/settlements/{own}/send") for clerk in clerks))
    assert [answer["state"] for status, answer in answers if status == 200].count("done") == 1
    assert ((await shown(served, own))["state"], len(outbox(tmp_path))) == ("sent", 1)


async def test_by_hand_a_person_enters_what_the_bank_said(served: RunningService):
    own, fay = await settled(served), AdminClient(served, "fay")
    await approved(served, own, "fred", "olga")
    await done(fay.run_command(f"/settlements/{own}/send", {"channel": "manual"}))
    first, second = [one["payout"] for one in (await shown(served, own))["payouts"]]
    known = {"bank_reference": "BANK-1", "evidence": "ab" * 32}
    await done(fay.run_command(f"/payouts/{first}/answer", known))
    await done(fay.run_command(f"/payouts/{second}/answer", {"refused": "no such account"}))
    for wrong in ({}, {"bank_reference": "B", "refused": "R"}):
        status, refused = await fay.run_command(f"/payouts/{second}/answer", wrong)
        assert (status, refused["faults"][0]["path"]) == (422, "bank_reference")
    await done(fay.run_command(f"/payouts/{second}/again"))
    found = await shown(served, own)
    assert [(one["state"], one["attempt"]) for one in found["payouts"]] == [("sent", 1), ("waiting", 2)]
    assert (found["approvals"], found["approvals_missing"]) == (0, 2), "it is to be approved anew"
    asked = {"hash": found["hash"]}
    status, refused = await AdminClient(served, "fay").run_command(f"/settlements/{own}/approve", asked, key="own")
    assert (status, "cannot approve" in refused["detail"]) == (409, True)
    listed = (await fay.read("/payouts", state="sent"))[1]["payouts"]
    assert [(one["payout"], one["evidence"]) for one in listed] == [(first, ["ab" * 32])]


async def test_what_was_cancelled_cannot_be_sent(served: RunningService):
    own, fay = await settled(served), AdminClient(served, "fay")
    answer = await done(fay.run_command(f"/settlements/{own}/cancel"))
    assert answer["after"]["state"] == "cancelled"
    assert (await fay.run_command(f"/settlements/{own}/cancel"))[0] == 409
    assert (await fay.run_command(f"/settlements/{own}/send"))[1]["state"] == "unchanged"


async def test_lists_page_and_filter_and_show_accounts_to_finance_only(served: RunningService):
    own, fay = await settled(served), AdminClient(served, "fay")
    for state, count in (("open", 1), ("approved", 0), ("sent", 0)):
        assert len((await fay.read("/settlements", state=state, campaign=SLUG))[1]["settlements"]) == count
    assert (await fay.read("/settlements", campaign="other"))[1]["settlements"] == []
    _, page = await fay.read("/payouts", limit="1", settlement=own)
    assert page["faults"][0]["path"] == "settlement", "an unknown filter is refused"
    _, page = await fay.read("/payouts", limit="1", campaign=SLUG)
    _, rest = await fay.read("/payouts", cursor=page["next"])
    assert {one["charity"] for one in page["payouts"] + rest["payouts"]} == set(ACCOUNTS)
    assert rest["next"] is None
    for name, sees in (("fay", True), ("al", True), ("olga", True), ("cat", False), ("rita", False)):
        found = await shown(served, own, name)
        assert any(iban in json.dumps(found) for iban in ACCOUNTS.values()) is sees
    for wrong in ({"state": "lost"}, {"cursor": "W3t9LFsxXV0"}):
        assert (await fay.read("/settlements", **wrong))[0] == 422
    assert (await fay.read("/settlements/stl_x"))[0] == 404


async def test_what_is_not_there_is_told(served: RunningService):
    asked: dict[str, Any] = {
        "/settlements/stl_x/approve": {"hash": "0" * 64},
        "/settlements/stl_x/cancel": {},
        "/settlements/stl_x/send": {},
        "/payouts/pay_x/again": {},
        "/payouts/pay_x/answer": {"refused": "no"},
    }
    for path, body in asked.items():
        assert (await AdminClient(served, "fay").run_command(path, body))[0] == 404, path


async def test_what_is_no_statement_changes_nothing(served: RunningService):
    own, fay = await settled(served), AdminClient(served, "fay")
    await approved(served, own, "fred", "olga")
    await done(fay.run_command(f"/settlements/{own}/send"))
    one, _ = (await shown(served, own))["payouts"]
    lines = [
        ",".join(COLUMNS),
        f"{PAYER_IBAN},S,opening,2026-11-10,0.00,EUR,credit,,,,",
        f"{PAYER_IBAN},S,entry,2026-11-10,{one['amount']['text']},EUR,debit,{end_to_end_id(one['payout'], 1)},,,",
        f"{PAYER_IBAN},S,entry,2026-11-10,0.05,EUR,debit,,,,fee",
        f"{PAYER_IBAN},S,closing,2026-11-10,{{}},EUR,debit,,,,",
    ]
    wrong, right = ("\r\n".join(lines).format(closing).encode() for closing in ("9.99", "0.75"))
    for nothing in (b"", b"<a/>", b"\xff\x00", wrong):
        status, refused = await fay.send_file("/statements", nothing)
        assert (status, refused["type"]) == (409, "urn:like-ledger:problem:refused"), refused
    assert (await fay.read("/statement-lines"))[1]["lines"] == []
    tried = await fay.send_file("/statements", right, dry_run="true")
    answer = await done(fay.send_file("/statements", right))
    assert (answer["after"]["payouts_paid"], answer["after"]["lines_unmatched"]) == (1, 1)
    assert tried[1]["after"] == answer["after"]
    (line,) = (await fay.read("/statement-lines", unmatched="true"))[1]["lines"]
    assert (line["text"], line["amount"]["minor"], line["because"]) == (
        "fee",
        5,
        "no payout has its amount and reference",
    )


async def test_a_line_that_no_rule_matches_is_matched_by_a_person(served: RunningService):
    own, fay = await settled(served), AdminClient(served, "fay")
    await approved(served, own, "fred", "olga")
    await done(fay.run_command(f"/settlements/{own}/send"))
    first, second = (one["payout"] for one in (await shown(served, own))["payouts"])
    rows = [
        ",".join(COLUMNS),
        f"{PAYER_IBAN},S,opening,2026-11-10,0.00,EUR,credit,,,,",
        f"{PAYER_IBAN},S,entry,2026-11-10,0.70,EUR,debit,,B-9,,a transfer",
        f"{PAYER_IBAN},S,closing,2026-11-10,0.70,EUR,debit,,,,",
    ]
    await done(fay.send_file("/statements", "\n".join(rows).encode()))
    (line,) = (await fay.read("/statement-lines", unmatched="true"))[1]["lines"]
    path = f"/statement-lines/{line['id']}/match"
    status, refused = await fay.run_command(path, {"payout": second, "reason": "the bank's letter"})
    assert (status, "of 30 minor units" in refused["detail"]) == (409, True)
    asked = {"payout": first, "reason": "the bank's letter"}
    answer = await done(fay.run_command(path, asked))
    assert (answer["after"]["payouts"][first]["state"], answer["after"]["reason"]) == ("paid", asked["reason"])
    assert (await fay.run_command(path, asked))[1]["state"] == "unchanged"
    (line,) = (await fay.read("/statement-lines", unmatched="false"))[1]["lines"]
    assert (line["payout"], line["said"]["by"], line["said"]["reason"]) == (first, "fay", asked["reason"])
    assert (await fay.read("/statement-lines", unmatched="true"))[1]["lines"] == []
