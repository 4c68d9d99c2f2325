"""Receipts: each counted like's way into the log, checked offline; and people who are forgotten."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from campaigns.catalogue import cache
from campaigns.intake import erasure
from ledger.invariants import sql_checks
from ledger.log import receipt
from ledger.log.note import format_verifier_key, make_signer
from ledger.log.receipt import MalformedReceipt
from ops.cli import app
from serving import DAY, KEYS, LOG, SLUG, HttpResponse, RunningService, like, running_service
from sql import Connection

LATER = DAY + timedelta(minutes=1)


async def receipts(to: RunningService, *likes: dict[str, Any]) -> list[str]:
    answer: HttpResponse = await to.send(likes, results="all")
    return [result["receipt"] for result in answer.json["results"] if "receipt" in result]


def faults(raw: bytes) -> list[str]:
    return [step.description for step in receipt.check_receipt(raw, LOG.verifier_key) if not step.holds]


async def fate(to: RunningService, named: str) -> str:
    return str((await to.get(f"/v1/receipts/{named}")).json["fate"])


async def forget(to: RunningService, person: str) -> int:
    async with to.service.pool.acquire() as conn, conn.transaction():
        shelf = await cache.read_catalogue(conn, KEYS.pseudonym)
        return await erasure.erase_person(conn, shelf.campaigns[SLUG], "kuai", person)


async def test_every_counted_like_has_a_receipt_that_proves_it(dsn: str):
    async with running_service(dsn) as to:
        given = await receipts(to, *(like(str(n), f"c{n % 3}") for n in range(30)))
        assert len(given) == len(set(given)) == 30
        waiting = (await to.get(f"/v1/receipts/{given[0]}")).json
        assert (waiting["fate"], waiting["count"], waiting["checkpoint"]) == ("counted", None, None)
        await receipts(to, like("another"))
        await to.sequence()
        for number, named in enumerate(given):
            answer = await to.get(f"/v1/receipts/{named}")
            proof = answer.json
            assert (proof["fate"], proof["like"]["content"]) == ("counted", f"c{number % 3}")
            steps = receipt.check_receipt(answer.body, LOG.verifier_key)
            assert [step.holds for step in steps] == [True] * 5
            assert len(bytes.fromhex(proof["like"]["person"])) == 16  # a pseudonym, never the user's id


async def test_a_receipt_that_nobody_was_given_is_not_found(dsn: str):
    async with running_service(dsn) as to:
        [named] = await receipts(to, like("1"))
        other = "A" if named[-1] != "A" else "B"
        for made_up in (
            named[:-1] + other,
            named[:-2] + "AA",
            named + "=",
            named[4:],
            "rcp_",
            "rcp_é",
            "rcp_" + "/" * 27,
        ):
            assert (await to.get(f"/v1/receipts/{made_up.replace('/', '%2F')}")).status == 404, made_up


async def test_the_fate_is_where_the_like_stands_now_and_the_proof_stays(dsn: str, owner: Connection):
    async with running_service(dsn) as to:
        first, second = await receipts(to, like("1"), like("2"))
        await to.send([like("1", action="unlike", at=LATER)])
        await to.sequence()
        withdrawn = await to.get(f"/v1/receipts/{first}")
        assert (withdrawn.json["fate"], withdrawn.json["like"]) == ("withdrawn", None)
        assert faults(withdrawn.body) == []
        [again] = await receipts(to, like("1", at=LATER + timedelta(minutes=1)))
        await to.sequence()
        assert [await fate(to, named) for named in (first, again, second)] == ["gone", "counted", "counted"]
        assert faults((await to.get(f"/v1/receipts/{first}")).body) == []


async def test_a_person_is_forgotten_and_every_proof_and_total_still_holds(dsn: str, owner: Connection):
    async with running_service(dsn) as to:
        await to.send([like("1", "c1"), like("2", "c1"), like("1", "c2")])
        mine, others = await receipts(to, like("1", "c3"), like("2", "c3"))
        await to.sequence()
        kept = (await to.get(f"/v1/receipts/{mine}")).body  # as a careful person would
        before = (await to.get(f"/v1/campaigns/{SLUG}/totals")).json["money"]
        person = json.loads(kept)["like"]["person"]
        assert await forget(to, "1") == 3
        assert await owner.fetchval("SELECT count(*) FROM likes WHERE person = $1", bytes.fromhex(person)) == 0
        assert await owner.fetchval("SELECT count(*) FROM person_days WHERE person = $1", bytes.fromhex(person)) == 0
        gone = await to.get(f"/v1/receipts/{mine}")
        assert (gone.json["fate"], gone.json["like"]) == ("forgotten", None)
        assert faults(gone.body) == []
        assert faults(kept) == []
        assert await fate(to, others) == "counted"
        assert (await to.get(f"/v1/receipts/{others}")).json["like"]["content"] == "c3"
        assert (await to.get(f"/v1/campaigns/{SLUG}/totals")).json["money"] == before
        assert await sql_checks.run_checks(owner) == []
        assert await forget(to, "1") == 0
        assert await forget(to, "2") == 2
        assert await fate(to, others) == "forgotten"


def flipped(text: str) -> str:
    return ("1" if text[0] == "0" else "0") + text[1:]


TAMPERINGS = {
    "the like": (lambda p: p["like"].update(content="another"), "hash to the leaf"),
    "the moment": (lambda p: p["like"].update(event_us=p["like"]["event_us"] + 1), "hash to the leaf"),
    "the leaf": (lambda p: p["batch"].update(leaf=flipped(p["batch"]["leaf"])), "hash to the leaf"),
    "the path": (lambda p: p["batch"]["path"].__setitem__(0, flipped(p["batch"]["path"][0])), "the leaf is number"),
    "the place": (lambda p: p["batch"].update(index=p["batch"]["index"] ^ 1), "the leaf is number"),
    "the root": (lambda p: p["batch"].update(root=flipped(p["batch"]["root"])), "the leaf is number"),
    "the batch": (lambda p: p["batch"].update(id=99), "names that batch"),
    "the campaign": (lambda p: p.update(campaign="other"), "names that batch"),
    "the entry": (lambda p: p["count"].update(entry="{}"), "names that batch"),
    "the count": (lambda p: p["count"].update(index=0), "the count leaf is number"),
    "the size": (lambda p: p.update(checkpoint=p["checkpoint"].replace("\n4\n", "\n5\n")), "is signed by"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_a_receipt_that_was_changed_fails_at_the_step_that_is_false(dsn: str, name: str):
    async with running_service(dsn) as to:
        given = await receipts(to, *(like(str(n)) for n in range(4)))
        await to.sequence()
        proof = (await to.get(f"/v1/receipts/{given[1]}")).json
    change, says = TAMPERINGS[name]
    change(proof)
    [fault] = faults(json.dumps(proof).encode())
    assert says in fault


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"checkpoint":null}', b'{"checkpoint":"x"}', b"\xff", b"[" * 9999]
)
def test_what_is_no_receipt_is_refused(raw: bytes):
    with pytest.raises(MalformedReceipt):
        receipt.check_receipt(raw, LOG.verifier_key)


async def test_the_command_line_checks_a_file_offline(dsn: str, tmp_path: Path):
    async with running_service(dsn) as to:
        [named] = await receipts(to, like("1"))
        await to.sequence()
        file = tmp_path / "receipt.json"
        file.write_bytes((await to.get(f"/v1/receipts/{named}")).body)
    own, foreign = LOG.verifier_key, make_signer("other.example.org/log", b"x" * 32).verifier_key
    good = CliRunner().invoke(app, ["verify-receipt", str(file), "--key", format_verifier_key(own)])
    assert (good.exit_code, good.output.count("ok   ")) == (0, 5)
    bad = CliRunner().invoke(app, ["verify-receipt", str(file), "--key", format_verifier_key(foreign)])
    assert bad.exit_code == 1
    assert "FALSE the checkpoint is signed by other.example.org/log" in bad.output
    assert CliRunner().invoke(app, ["verify-receipt", str(file)]).exit_code == 2
