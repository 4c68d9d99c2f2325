"""A payout's receipt as it is sent: what became of the money, in both languages, and what proves it."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from campaigns.catalogue.cache import Campaign
from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ledger.payouts.channels.manual import ManualChannel
from ledger.payouts.manual import record_result_manually
from ledger.payouts.retry import retry_returned
from ledger.settlements.approvals import approve
from ledger.settlements.model import Payout, Settlement
from ledger.settlements.payout_transfers import transfers_by_step
from ops.clock import utc_now
from ops.http.core import snapshots
from running_service import SLUG, RunningService, like, running_service
from settlements import pay_all, read_settlements, send, settle_periods

NUMBER = "6222020200112233445"


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(snapshots, "_PAUSE_FACTOR", 0)


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    """Yield a service with 300 likes that are settled: 0.70 and 0.30."""
    async with running_service(dsn) as made:
        await made.send([like(str(n)) for n in range(300)])
        await made.tick()
        campaign = (await made.service.catalogue_cache.refresh()).campaigns[SLUG]
        await settle_periods(made.service.pool, campaign, utc_now())
        yield made


async def approve_payout(service: RunningService) -> tuple[Campaign, Settlement]:
    """Have two people approve the envelope as it is."""
    campaign = (await service.service.catalogue_cache.refresh()).campaigns[SLUG]
    (envelope,) = await read_settlements(service.service.pool, campaign)
    for person in ("ben", "cid"):
        async with service.service.pool.acquire() as conn, conn.transaction():
            envelope = await approve(conn, envelope.settlement_id, envelope.hash, person, utc_now())
    return campaign, envelope


class Text:
    """The words of a page, and its addresses."""

    def __init__(self, page: bytes) -> None:
        self.links = re.findall(r'href="([^"]*)"', page.decode())
        self.words = " ".join(re.sub(r"<[^>]*>", " ", page.decode()).split())

    def says(self, words: str) -> bool:
        return words in self.words


async def receipt(service: RunningService, payout: Payout, language: str = "en") -> Text:
    answer = await service.get(f"/campaigns/{SLUG}/payouts/{payout.payout_id}?lang={language}")
    assert answer.status == 200
    assert NUMBER not in answer.body.decode()
    return Text(answer.body)


async def test_it_tells_of_a_payout_from_settled_to_paid(service: RunningService):
    pool = service.service.pool
    campaign = (await service.service.catalogue_cache.refresh()).campaigns[SLUG]
    (envelope,) = await read_settlements(pool, campaign)
    waiting = await receipt(service, envelope.payouts[0])
    assert waiting.says("CN¥0.70")
    assert waiting.says("awaiting approval by 2 more people")
    assert waiting.says("ends in …3445")
    assert waiting.says("no evidence yet")
    await approve_payout(service)
    assert (await receipt(service, envelope.payouts[0])).says("ready to be sent")
    await pay_all(pool, campaign, envelope, "S1", utc_now())
    await service.sequence()
    (envelope,) = await read_settlements(pool, campaign)
    payout = envelope.payouts[0]
    for language, words in (("en", "paid on 23 November 2026"), ("zh", "2026年11月23日 到账")):
        paid = await receipt(service, payout, language)
        assert paid.says(words)
        assert paid.says(envelope.hash.hex())
        assert paid.says(payout.evidence[0])
        assert f"/campaigns/{SLUG}?lang={language}" in paid.links
    assert {step.leaf_index for step in payout.steps} < set(range(100))
    assert not paid.says("即将写入")


async def test_the_transfers_it_names_are_those_that_moved_the_money(service: RunningService):
    pool, now = service.service.pool, utc_now()
    for number in (1, 2):
        campaign, envelope = await approve_payout(service)
        envelope = await send(pool, ManualChannel(), campaign, envelope.settlement_id, "ann", now)
        payout = envelope.payouts[0]
        refused = PaymentResult(PaymentOutcome.REFUSED, reason="no such account")
        async with pool.acquire() as conn, conn.transaction():
            envelope = await record_result_manually(conn, payout.payout_id, refused, "ann", now, None)
            if number == 1:
                envelope = await retry_returned(
                    conn, payout.payout_id, payout.latest_step.payee, "ann", now + timedelta(seconds=1)
                )
    back = await receipt(service, envelope.payouts[0])
    assert back.says("returned: the bank returned the money")
    assert not back.says("no such account")
    assert back.says("attempt 2")
    share = envelope.shares[0]
    transfers = [
        transfer for step in transfers_by_step(envelope.payouts[0], share.transfer_id).values() for transfer in step
    ]
    posted = await pool.fetch(
        "SELECT transfer_id FROM transfers t JOIN accounts a ON a.account_id IN (t.from_account, t.to_account)"
        " WHERE a.charity = $1 GROUP BY transfer_id",
        share.charity,
    )
    assert sorted(transfers) == sorted(UUID(str(row["transfer_id"])) for row in posted)
    assert len(transfers) == 5
    assert all(back.says(str(transfer)) for transfer in transfers)


async def test_the_campaigns_page_leads_to_each_receipt(service: RunningService):
    campaign = (await service.service.catalogue_cache.refresh()).campaigns[SLUG]
    (envelope,) = await read_settlements(service.service.pool, campaign)
    links = Text((await service.get(f"/campaigns/{SLUG}?lang=zh")).body).links
    for payout in envelope.payouts:
        assert f"/campaigns/{SLUG}/payouts/{payout.payout_id}?lang=zh" in links


async def test_what_is_no_payout_of_the_campaign_is_not_found(service: RunningService):
    campaign = (await service.service.catalogue_cache.refresh()).campaigns[SLUG]
    (envelope,) = await read_settlements(service.service.pool, campaign)
    payout_id = envelope.payouts[0].payout_id
    for slug, payout in ((SLUG, "pay_x"), ("another", payout_id)):
        assert (await service.get(f"/campaigns/{slug}/payouts/{payout}")).status == 404
    assert (await service.get(f"/campaigns/{SLUG}/payouts/{payout_id}?lang=fr")).status == 400


async def test_a_receipt_that_is_known_is_not_sent_again(service: RunningService):
    campaign = (await service.service.catalogue_cache.refresh()).campaigns[SLUG]
    (envelope,) = await read_settlements(service.service.pool, campaign)
    path = f"/campaigns/{SLUG}/payouts/{envelope.payouts[0].payout_id}"
    first = await service.get(path)
    again_asked = [await service.get(path, **{"If-None-Match": first.headers["ETag"]}) for _ in range(2)]
    assert 304 in {answer.status for answer in again_asked}  # a minute may have begun between two
