"""What a stranger can read has no full account number and no words of a bank.

A service with every kind of payout is read in full: each public address, each leaf, each tile.
"""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from itertools import product
from pathlib import Path

import pytest

from admin_client import AdminClient, create_tokens
from campaigns.catalogue.charity_account import change_account
from campaigns.promise.bank_account import OtherAccount
from campaigns.promise.model import SettlementPolicy
from ledger.log.account_hash import account_number, hash_account
from ledger.log.leaf_schemas import read_leaf
from ledger.payouts.channels.manual import ManualChannel
from ledger.payouts.sending import end_to_end_id
from ledger.publication.account_salts import list_salts
from ledger.reconciliation.reconcile import import_file
from ledger.reconciliation.statements.csv_table import COLUMNS
from ops import log_export
from ops.clock import utc_now
from ops.http.endpoints import ENDPOINTS
from running_service import KEYS, SLUG, RunningService, like, promise, running_service
from settlements import read_settlements, send, settle_periods

NUMBER, MOVED, IBAN = "6222020299998877661", "6222020299998877662", "GB33BUKB20201555555555"
ACCOUNTS = ({"scheme": "other", "id": NUMBER}, {"iban": IBAN, "bic": "BUKBGB22"})
PRIVATE = (NUMBER, MOVED, IBAN, IBAN[4:], "Erika", "Beispiel", "1950-02-01")
WORDS = "AC04 holder Erika Beispiel b. 1950-02-01 deceased"


def beneficiaries() -> list[dict[str, object]]:
    names = ("village-schools", "mobile-libraries")
    return [
        {"charity": name, "name": {"zh": name, "en": name}, "share_bp": 5000, "account": account}
        for name, account in zip(names, ACCOUNTS, strict=True)
    ]


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    """Yield a service whose bank paid one payout, and paid and returned the other with its words."""
    ends_at = utc_now() + timedelta(days=90)  # terms can still change
    made = promise(campaign={"hold_days": 0, "ends_at": ends_at}, terms={"beneficiaries": beneficiaries()})
    made = made.model_copy(update={"settlement": SettlementPolicy(automatic=False, threshold_minor=1_000)})
    async with running_service(dsn, made) as server:
        await create_tokens(server.service.pool)
        await server.send([like(str(n)) for n in range(300)])
        await server.tick()
        await pay_and_return(server)
        async with server.service.pool.acquire() as conn, conn.transaction():
            account = OtherAccount(scheme="other", id=MOVED)
            await change_account(conn, "village-schools", account, utc_now(), pseudonym_key=KEYS.pseudonym)
        await server.sequence()
        yield server


async def pay_and_return(server: RunningService) -> None:
    pool, now = server.service.pool, utc_now()
    campaign = (await server.service.catalogue_cache.refresh()).campaigns[SLUG]
    await settle_periods(pool, campaign, now)
    [settlement] = await read_settlements(pool, campaign)
    settlement = await send(pool, ManualChannel(), campaign, settlement.settlement_id, "ann", now)
    first, second = (end_to_end_id(p.payout_id, 1) for p in settlement.payouts)
    rows = [
        "1,S,opening,2026-11-10,0,CNY,credit,,,,",
        *(f"1,S,entry,2026-11-10,0.50,CNY,debit,{payment_id},,," for payment_id in (first, second)),
        f"1,S,entry,2026-11-10,0.50,CNY,credit,{second},,{WORDS},",
        "1,S,closing,2026-11-10,0.50,CNY,debit,,,,",
    ]
    async with pool.acquire() as conn, conn.transaction():
        await import_file(conn, "\n".join([",".join(COLUMNS), *rows]).encode(), "ann", now)


async def public_paths(server: RunningService) -> list[str]:
    """Return every public address of the service, in both languages where there are two."""
    campaign = (await server.service.catalogue_cache.refresh()).campaigns[SLUG]
    [settlement] = await read_settlements(server.service.pool, campaign)
    size = (await server.get("/log/checkpoint")).body.split(b"\n")[1].decode()
    [result] = (await server.send([like("last")], results="all")).json["results"]
    names = {"slug": [SLUG], "receipt": [result["receipt"]], "level": ["0"], "index": [f"000.p/{size}"]}
    names |= {"payout": [p.payout_id for p in settlement.payouts], "file": ["style.css"]}
    names |= {"schema": ["terms-2.json", "payout-2.json"]}
    paths: list[str] = []
    for endpoint in ENDPOINTS:
        if endpoint.method != "get" or endpoint.path.startswith(("/v1/admin", "/v1/platforms")):
            continue  # a platform's address answers its challenge only
        if endpoint.path.endswith("/stream"):
            continue  # it repeats `/totals`
        values = [names[name] for name in endpoint.path_parameters]
        for choice in product(*values):
            path = endpoint.path.format(**dict(zip(endpoint.path_parameters, choice, strict=True)))
            paths += [f"{path}?lang={language}" for language in ("en", "zh")] if "lang" in endpoint.query else [path]
    return paths


async def test_no_public_address_shows_an_account_number_or_a_banks_words(service: RunningService) -> None:
    paths = await public_paths(service)
    assert len(paths) > 20
    for path in paths:
        response = await service.get(path)
        assert response.status == 200, path
        text = response.body.decode("utf-8", "replace")
        assert [secret for secret in PRIVATE if secret in text] == [], path
    published = (await service.get(f"/v1/campaigns/{SLUG}")).body.decode()
    assert all(f"…{number[-4:]}" in published for number in (NUMBER, MOVED, IBAN))
    settlements = (await service.get(f"/v1/campaigns/{SLUG}/settlements")).json["settlements"]
    [returned] = [p for p in settlements[0]["payouts"] if p["state"] == "returned"]
    assert (returned["return_code"], returned["returned_because"]) == ("AC04", "the account is closed")
    table = (await service.get(f"/v1/campaigns/{SLUG}/settlements.csv")).body.decode()
    assert "AC04" in table
    for language, words in (("en", "returned: the account is closed"), ("zh", "被退回：收款账户已销户")):
        page = await service.get(f"/campaigns/{SLUG}/payouts/{returned['id']}?lang={language}")
        assert words in page.body.decode()


def read_files(folder: Path) -> str:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()).decode("utf-8", "replace")


async def test_no_leaf_and_no_tile_shows_them(service: RunningService, tmp_path: Path) -> None:
    pool = service.service.pool
    leaves = [read_leaf(row["body"]) for row in await pool.fetch("SELECT body FROM leaf_queue ORDER BY leaf_id")]
    async with pool.acquire() as conn:
        await log_export.export_log(conn, tmp_path)
        salts = await list_salts(conn, [NUMBER, MOVED, IBAN])
    everything = read_files(tmp_path) + str(leaves)
    assert [secret for secret in (*PRIVATE, *salts.values()) if secret in everything] == []
    terms = [leaf for leaf in leaves if leaf["kind"] == "terms"]
    promised = [[b["account_sha256"] for b in leaf["promise"]["terms"]["beneficiaries"]] for leaf in terms]
    first, second = (hash_account(account, salts) for account in ACCOUNTS)
    assert promised == [[first, second], [hash_account({"scheme": "other", "id": MOVED}, salts), second]]
    payouts = [leaf for leaf in leaves if leaf["kind"] == "payout"]
    assert {leaf["account_sha256"] for leaf in payouts} == {first, second}, "a payout names the promised account"
    assert [leaf["reason"] for leaf in payouts if leaf["state"] == "returned"] == ["AC04"]
    assert {leaf["paid_on"] for leaf in payouts if leaf["state"] == "paid"} == {"2026-11-10"}


ROLES = [("cat", False), ("rita", False), ("fay", True), ("al", True), ("olga", True)]


@pytest.mark.parametrize(("person", "is_finance"), ROLES)
async def test_finance_and_auditors_see_both_and_other_roles_neither(
    service: RunningService, person: str, is_finance: bool
) -> None:
    campaign = (await service.service.catalogue_cache.refresh()).campaigns[SLUG]
    [settlement] = await read_settlements(service.service.pool, campaign)
    client = AdminClient(service, person)
    paths = ("/charities", f"/campaigns/{SLUG}", f"/settlements/{settlement.settlement_id}", "/payouts")
    answers = {path: json.dumps((await client.read(path))[1], ensure_ascii=False) for path in paths}
    everything = " ".join(answers.values())
    for secret in (NUMBER, MOVED, IBAN, "Erika"):
        assert (secret in everything) is is_finance, secret
    [charity, *_] = json.loads(answers["/charities"])["charities"]
    assert (charity["account_salt"] is not None) is is_finance
    if is_finance:
        number = account_number(charity["account"])
        assert sha256((number + charity["account_salt"]).encode()).hexdigest() == charity["account_sha256"]


async def test_a_person_who_sees_the_end_of_accounts_can_still_change_terms(service: RunningService) -> None:
    client = AdminClient(service, "cat")
    _, detail = await client.read(f"/campaigns/{SLUG}")
    terms = detail["promise"]["terms"] | {"daily_cap_minor": 500}
    assert all(b["account"].get("iban", b["account"].get("id")).startswith("…") for b in terms["beneficiaries"])
    status, answer = await client.run_command(f"/campaigns/{SLUG}/terms", {"terms": terms})
    assert [change["path"] for change in answer["differences"]] == ["daily_cap_minor"], (status, answer)
    first, second = terms["beneficiaries"]
    other = [first | {"account": {"scheme": "other", "id": "…0000"}}, second]
    status, answer = await client.run_command(f"/campaigns/{SLUG}/terms", {"terms": terms | {"beneficiaries": other}})
    assert (status, [fault["code"] for fault in answer["faults"]]) == (422, ["account_is_not_registered"])


async def test_a_register_takes_whole_numbers_only(service: RunningService) -> None:
    body = {"account": {"scheme": "other", "id": "…7662"}}
    status, answer = await AdminClient(service, "fay").run_command("/charities/village-schools/account", body)
    assert (status, [fault["code"] for fault in answer["faults"]]) == (422, ["account_is_masked"])
