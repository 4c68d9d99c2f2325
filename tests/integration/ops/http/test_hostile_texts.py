"""Texts of third parties reach log, pages, open data and stream unchanged, and only as text."""

import csv
import json
import re
from html import unescape
from io import StringIO

import pytest

from campaigns.catalogue import cache
from campaigns.catalogue.cache import CatalogueCache
from campaigns.errors import FundingRefused
from campaigns.pledging import budget
from campaigns.reporting.settlements import published_settlements, settlements_csv
from campaigns.reporting.snapshot import read_snapshots
from hostile_texts import CONTROL_CHARACTER_TEXTS, ONE_LINE_TEXTS
from ledger.log.leaf_schemas import read_leaf
from ledger.payouts.channels.manual import ManualChannel
from ledger.payouts.sending import end_to_end_id
from ledger.reconciliation.reconcile import import_file
from ledger.reconciliation.statements.csv_table import COLUMNS
from ops.http.web.payouts_view import build_payouts
from payouts import AT, FREE, ONE_EACH
from promises import NOW, PSEUDONYM_KEY
from running_service import KEYS, SLUG, RunningService, like, promise, running_service
from settlements import create_campaign, read_settlements, record_likes, send, settle_periods
from sql import Pool


async def leaves(to: RunningService) -> list[bytes]:
    rows = await to.service.pool.fetch("SELECT body FROM leaf_queue ORDER BY leaf_id")
    return [row["body"] for row in rows]


@pytest.mark.parametrize("name", ONE_LINE_TEXTS)
async def test_a_promises_texts_arrive_everywhere_unchanged(dsn: str, name: str) -> None:
    text = ONE_LINE_TEXTS[name]
    hostile_promise = promise(campaign={"title": {"zh": text, "en": text}, "sponsor": text})
    for beneficiary in hostile_promise.terms.beneficiaries:
        object.__setattr__(beneficiary, "name", hostile_promise.campaign.title)
    async with running_service(dsn, hostile_promise) as to:
        await to.send([like("1", text)])
        await to.sequence()
        entries = await leaves(to)
        assert all(b"\n" not in entry and read_leaf(entry) for entry in entries)
        logged = json.loads(entries[0])["promise"]
        assert (logged["campaign"]["title"]["zh"], logged["campaign"]["sponsor"]) == (text, text)
        assert logged["terms"]["beneficiaries"][0]["name"] == {"zh": text, "en": text}
        assert (await to.get("/log/checkpoint")).body.count(b"\n") == 5
        await assert_pages_show_as_text(to, text)
        published = (await to.get(f"/v1/campaigns/{SLUG}")).json
        assert published["campaign"]["title"]["en"] == text


async def assert_pages_show_as_text(to: RunningService, text: str) -> None:
    for path, before in ((f"/campaigns/{SLUG}?lang=en", r"<h1>"), ("/?lang=en", r'<h3><a href="[^"]+">')):
        page = (await to.get(path)).body.decode()
        [heading] = re.findall(f"{before}(.*?)</", page)
        assert unescape(heading) == text
        assert ("<script" in page, "</title></" in page, "<!--" in page) == (False, False, False)
    titles = re.findall(r"<title>(.*?)</title>", (await to.get(f"/campaigns/{SLUG}?lang=en")).body.decode())
    assert unescape(titles[0]) == f"{text} · Like Ledger"


@pytest.mark.parametrize("name", ONE_LINE_TEXTS)
async def test_a_likes_content_is_in_its_receipt_unchanged(dsn: str, name: str) -> None:
    async with running_service(dsn) as to:
        [result] = (await to.send([like("1", ONE_LINE_TEXTS[name])], results="all")).json["results"]
        assert (await to.get(f"/v1/receipts/{result['receipt']}")).json["like"]["content"] == ONE_LINE_TEXTS[name]


async def test_a_stream_sends_figures_on_one_line(dsn: str) -> None:
    text = ONE_LINE_TEXTS["a signature line"]
    hostile_promise = promise(campaign={"title": {"zh": text, "en": text}, "sponsor": text})
    async with (
        running_service(dsn, hostile_promise) as to,
        to.http.get(f"{to.url}/v1/campaigns/{SLUG}/stream") as stream,
    ):
        lines = [(await stream.content.readline()).decode() for _ in range(5)]
    assert sorted(line.split(":")[0] for line in lines) == ["\r\n", "data", "event", "id", "retry"]


SURROGATES = ["\\ud800", "\\udfff", "a\\ud83d", "\\udc00\\ud800"]


@pytest.mark.parametrize("escape", [*SURROGATES, "\\u0000", "\\n", "\\u001f"])
@pytest.mark.parametrize("member", ["content", "person"])
async def test_a_like_with_invalid_text_is_refused_and_the_others_count(dsn: str, escape: str, member: str) -> None:
    async with running_service(dsn) as to:
        body = to.delivery_body([like("1"), like("2") | {member: "HERE"}]).replace("HERE", escape)
        answer = await to.post(body.encode(), to.sign_headers("msg_1", body))
        assert answer.outcomes == {"counted": 1, "invalid": 1}
        assert member in answer.json["results"][0]["reason"]


@pytest.mark.parametrize("name", CONTROL_CHARACTER_TEXTS)
async def test_a_reference_with_control_characters_is_refused(dsn: str, name: str) -> None:
    async with running_service(dsn, funded_minor=0) as to, to.service.pool.acquire() as conn:
        campaign = (await cache.read_catalogue(conn, KEYS.pseudonym)).campaigns[SLUG]
        reference = f"{CONTROL_CHARACTER_TEXTS[name]}."  # with a dot, because spaces at the end are trimmed
        with pytest.raises(FundingRefused, match=r"^funding_reference_invalid"):
            await budget.fund_budget(conn, campaign, 1, reference)


def quote_cell(cell: str) -> str:
    file = StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerow([cell])
    return file.getvalue().rstrip("\r\n")


BANK_TEXTS = {name: text for name, text in (CONTROL_CHARACTER_TEXTS | ONE_LINE_TEXTS).items() if name != "a null"}


@pytest.mark.parametrize("name", BANK_TEXTS)
async def test_a_banks_text_stays_one_cell_and_one_line_and_no_formula(pool: Pool, name: str) -> None:
    text = BANK_TEXTS[name]
    campaign = await create_campaign(pool, ONE_EACH, FREE)
    await record_likes(pool, campaign, {2: 100})
    await settle_periods(pool, campaign, AT)
    [settlement] = await read_settlements(pool, campaign)
    sent = await send(pool, ManualChannel(), campaign, settlement.settlement_id, "ann", NOW)
    first, second = (end_to_end_id(p.payout_id, 1) for p in sent.payouts)
    rows = [
        "1,S,opening,2026-11-10,0,CNY,credit,,,,",
        f"1,S,entry,2026-11-10,70,CNY,debit,{first},{quote_cell(text)},,",
        f"1,S,entry,2026-11-10,30,CNY,debit,{second},,,",
        f"1,S,entry,2026-11-10,30,CNY,credit,{second},,{quote_cell(text)},",
        "1,S,closing,2026-11-10,70,CNY,debit,,,,",
    ]
    rows = [row.replace(",70,", ",0.70,").replace(",30,", ",0.30,") for row in rows]
    async with pool.acquire() as conn, conn.transaction():
        await import_file(conn, "\n".join([",".join(COLUMNS), *rows]).encode(), "ann", NOW)
    [snapshot] = await read_snapshots(pool, CatalogueCache(pool, PSEUDONYM_KEY), NOW)
    [published] = published_settlements(snapshot)["settlements"]
    assert published["payouts"][0]["bank_reference"] == text
    assert published["payouts"][1]["returned_because"] == "the bank returned the money"
    header, *lines = csv.reader(StringIO(settlements_csv(snapshot), newline=""))
    assert [len(row) for row in lines] == [len(header)] * 2
    cell = lines[0][header.index("bank_reference")]
    assert cell in {text, f"'{text}"}
    assert not cell.lstrip(" ").startswith(tuple("=+-@＝\t\r"))
    bodies = [row["body"] for row in await pool.fetch("SELECT body FROM leaf_queue")]
    assert all(b"\n" not in body and read_leaf(body) for body in bodies)
    assert text in build_payouts(snapshot, "en").rows[0].state_text
