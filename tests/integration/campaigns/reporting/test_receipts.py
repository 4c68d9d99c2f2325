"""Receipts: the proof of each counted like in the log, checked offline.

And the erasure of people.
"""

import base64
import json
import re
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
from running_service import DAY, KEYS, LOG, SLUG, HttpResponse, RunningService, like, promise, running_service
from sql import Connection

LATER = DAY + timedelta(minutes=1)


async def receipts(service: RunningService, *likes: dict[str, Any]) -> list[str]:
    response: HttpResponse = await service.send(likes, results="all")
    return [result["receipt"] for result in response.json["results"] if "receipt" in result]


def failed_steps(raw: bytes) -> list[str]:
    return [step.description for step in receipt.check_receipt(raw, LOG.verifier_key) if not step.holds]


async def fate(service: RunningService, receipt_id: str) -> str:
    return str((await service.get(f"/v1/receipts/{receipt_id}")).json["fate"])


async def erase(service: RunningService, person: str) -> int:
    async with service.service.pool.acquire() as conn, conn.transaction():
        await cache.lock_and_bump_version(conn)
        catalogue = await cache.read_catalogue(conn, KEYS.pseudonym)
        return await erasure.erase_person(conn, catalogue.campaigns[SLUG], "kuai", person)


async def test_every_counted_like_has_a_receipt_that_proves_it(dsn: str):
    async with running_service(dsn) as service:
        issued = await receipts(service, *(like(str(n), f"c{n % 3}") for n in range(30)))
        assert len(issued) == len(set(issued)) == 30
        waiting = (await service.get(f"/v1/receipts/{issued[0]}")).json
        assert (waiting["fate"], waiting["count"], waiting["checkpoint"]) == ("counted", None, None)
        await receipts(service, like("another"))
        await service.sequence()
        for number, receipt_id in enumerate(issued):
            response = await service.get(f"/v1/receipts/{receipt_id}")
            proof = response.json
            assert (proof["fate"], proof["like"]["content"]) == ("counted", f"c{number % 3}")
            steps = receipt.check_receipt(response.body, LOG.verifier_key)
            assert [step.holds for step in steps] == [True] * 5
            assert len(bytes.fromhex(proof["like"]["person"])) == 16  # a pseudonym, never the user's id


async def test_a_receipt_that_was_never_issued_is_not_found(dsn: str):
    async with running_service(dsn) as service:
        [receipt_id] = await receipts(service, like("1"))
        other = "A" if receipt_id[-1] != "A" else "B"
        for made_up in (
            receipt_id[:-1] + other,
            receipt_id[:-2] + "AA",
            receipt_id + "=",
            receipt_id[4:],
            "rcp_",
            "rcp_é",
            "rcp_" + "/" * 27,
        ):
            assert (await service.get(f"/v1/receipts/{made_up.replace('/', '%2F')}")).status == 404, made_up


async def test_the_fate_is_the_current_state_of_the_like_and_the_proof_stays(dsn: str, owner: Connection):
    async with running_service(dsn) as service:
        first, second = await receipts(service, like("1"), like("2"))
        await service.send([like("1", action="unlike", at=LATER)])
        await service.sequence()
        withdrawn = await service.get(f"/v1/receipts/{first}")
        assert (withdrawn.json["fate"], withdrawn.json["like"]["content"]) == ("withdrawn", "3431182")
        assert failed_steps(withdrawn.body) == []
        assert await receipts(service, like("1", at=LATER + timedelta(minutes=1))) == []  # it has one for ever
        assert [await fate(service, receipt_id) for receipt_id in (first, second)] == ["counted", "counted"]
        await service.send([like("1", at=DAY - timedelta(days=1))])  # its day and moment, not its leaf
        await service.sequence()
        moved = await service.get(f"/v1/receipts/{first}")
        assert (moved.json["fate"], moved.json["like"]) == ("counted", withdrawn.json["like"])
        assert failed_steps(moved.body) == []


async def test_a_like_that_does_not_count_has_a_receipt_too(dsn: str):
    terms = promise(terms={"likes_per_person_per_day": 1})
    async with running_service(dsn, terms) as service:
        first, over = await receipts(service, like("1", "a"), like("1", "b", at=LATER))
        await service.sequence()
        assert [await fate(service, receipt_id) for receipt_id in (first, over)] == ["counted", "over_limit"]
        await service.send([like("1", "a", action="unlike", at=LATER)])
        assert [await fate(service, receipt_id) for receipt_id in (first, over)] == ["withdrawn", "counted"]
        assert failed_steps((await service.get(f"/v1/receipts/{over}")).body) == []


async def test_a_like_that_comes_after_its_unlike_has_a_receipt(dsn: str):
    async with running_service(dsn) as service:
        await service.send([like("1", action="unlike", at=LATER)])
        [older] = await receipts(service, like("1"))
        [none] = await receipts(service, like("2"), like("2"))
        assert [await fate(service, receipt_id) for receipt_id in (older, none)] == ["withdrawn", "counted"]


async def test_a_person_is_erased_and_every_proof_and_total_still_holds(dsn: str, owner: Connection):
    async with running_service(dsn) as service:
        await service.send([like("1", "c1"), like("2", "c1"), like("1", "c2")])
        mine, others = await receipts(service, like("1", "c3"), like("2", "c3"))
        await service.sequence()
        kept = (await service.get(f"/v1/receipts/{mine}")).body  # as a careful person keeps it
        before = (await service.get(f"/v1/campaigns/{SLUG}/totals")).json["money"]
        person = json.loads(kept)["like"]["person"]
        assert await erase(service, "1") == 3
        assert await owner.fetchval("SELECT count(*) FROM likes WHERE person = $1", bytes.fromhex(person)) == 0
        assert await owner.fetchval("SELECT count(*) FROM person_days WHERE person = $1", bytes.fromhex(person)) == 0
        gone = await service.get(f"/v1/receipts/{mine}")
        assert (gone.json["fate"], gone.json["like"]) == ("forgotten", None)
        assert failed_steps(gone.body) == []
        assert failed_steps(kept) == []
        assert await fate(service, others) == "counted"
        assert (await service.get(f"/v1/receipts/{others}")).json["like"]["content"] == "c3"
        assert (await service.get(f"/v1/campaigns/{SLUG}/totals")).json["money"] == before
        assert await sql_checks.run_checks(owner) == []
        assert await erase(service, "1") == 0
        assert await erase(service, "2") == 2
        assert await fate(service, others) == "forgotten"


def other_tags(receipt_id: str) -> list[str]:
    """Return ids that differ from an issued one in the tag alone."""
    packed = base64.urlsafe_b64decode(receipt_id[4:] + "=")
    tags = [bytes(8), b"\xff" * 8, *(bytes([packed[12] ^ 1 << bit]) + packed[13:] for bit in range(8))]
    return ["rcp_" + base64.urlsafe_b64encode(packed[:12] + tag).decode().rstrip("=") for tag in tags]


async def test_made_up_ids_do_not_tell_which_places_were_forgotten(dsn: str):
    async with running_service(dsn) as service:
        mine, others = await receipts(service, like("1", "c1"), like("2", "c1"))
        await service.sequence()
        answers: dict[str, set[tuple[int, bytes]]] = {}
        for moment, erased in (("before", []), ("after one", ["1"]), ("after both", ["2"])):
            for person in erased:
                assert await erase(service, person) == 1
            responses = [await service.get(f"/v1/receipts/{i}") for n in (mine, others) for i in other_tags(n)]
            answers[moment] = {(response.status, response.body) for response in responses}
        assert answers["before"] == answers["after one"] == answers["after both"]
        assert {status for status, _ in answers["before"]} == {404}
        assert [await fate(service, receipt_id) for receipt_id in (mine, others)] == ["forgotten"] * 2


async def test_the_database_holds_no_tag_of_an_erased_receipt(dsn: str, owner: Connection):
    async with running_service(dsn) as service:
        [mine, _] = await receipts(service, like("1"), like("2"))
        await erase(service, "1")
    tag = base64.urlsafe_b64decode(mine[4:] + "=")[12:]
    row = await owner.fetchrow("SELECT nonces, receipt_digests FROM like_batches WHERE receipt_digests IS NOT NULL")
    assert row is not None
    assert tag not in row["nonces"] + row["receipt_digests"]


async def test_a_place_that_an_older_release_erased_is_unknown_to_every_id(dsn: str, owner: Connection):
    """It stored no digest, so a made-up id cannot be told from the issued one."""
    async with running_service(dsn) as service:
        [mine] = await receipts(service, like("1"))
        await erase(service, "1")
        await owner.execute("UPDATE like_batches SET receipt_digests = NULL")
        assert {(await service.get(f"/v1/receipts/{i}")).status for i in (mine, *other_tags(mine))} == {404}


def flip_bit(text: str) -> str:
    return ("1" if text[0] == "0" else "0") + text[1:]


TAMPERINGS = {
    "the like": (lambda p: p["like"].update(content="another"), "hash to the leaf"),
    "the moment": (lambda p: p["like"].update(event_us=p["like"]["event_us"] + 1), "hash to the leaf"),
    "the leaf": (lambda p: p["batch"].update(leaf=flip_bit(p["batch"]["leaf"])), "hash to the leaf"),
    "the path": (lambda p: p["batch"]["path"].__setitem__(0, flip_bit(p["batch"]["path"][0])), "the leaf is number"),
    "the place": (lambda p: p["batch"].update(index=p["batch"]["index"] ^ 1), "the leaf is number"),
    "the root": (lambda p: p["batch"].update(root=flip_bit(p["batch"]["root"])), "the leaf is number"),
    "the batch": (lambda p: p["batch"].update(id=99), "names that batch"),
    "the campaign": (lambda p: p.update(campaign="other"), "names that batch"),
    "the entry": (lambda p: p["count"].update(entry="{}"), "names that batch"),
    "the count": (lambda p: p["count"].update(index=0), "the count leaf is number"),
    "the size": (
        lambda p: p.update(checkpoint=re.sub(r"\n\d+\n", "\n99\n", p["checkpoint"], count=1)),
        "is signed by",
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_a_changed_receipt_fails_at_the_wrong_step(dsn: str, name: str):
    async with running_service(dsn) as service:
        issued = await receipts(service, *(like(str(n)) for n in range(4)))
        await service.sequence()
        proof = (await service.get(f"/v1/receipts/{issued[1]}")).json
    change, step = TAMPERINGS[name]
    change(proof)
    [failed] = failed_steps(json.dumps(proof).encode())
    assert step in failed


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"checkpoint":null}', b'{"checkpoint":"x"}', b"\xff", b"[" * 9999]
)
def test_a_malformed_receipt_is_refused(raw: bytes):
    with pytest.raises(MalformedReceipt):
        receipt.check_receipt(raw, LOG.verifier_key)


async def test_the_command_line_checks_a_file_offline(dsn: str, tmp_path: Path):
    async with running_service(dsn) as service:
        [receipt_id] = await receipts(service, like("1"))
        await service.sequence()
        file = tmp_path / "receipt.json"
        file.write_bytes((await service.get(f"/v1/receipts/{receipt_id}")).body)
    key, foreign_key = LOG.verifier_key, make_signer("other.example.org/log", b"x" * 32).verifier_key
    good = CliRunner().invoke(app, ["verify-receipt", str(file), "--key", format_verifier_key(key)])
    assert (good.exit_code, good.output.count("ok   ")) == (0, 5)
    bad = CliRunner().invoke(app, ["verify-receipt", str(file), "--key", format_verifier_key(foreign_key)])
    assert bad.exit_code == 1
    assert "FALSE the checkpoint is signed by other.example.org/log" in bad.output
    assert CliRunner().invoke(app, ["verify-receipt", str(file)]).exit_code == 2
