"""People who work together, each in a real browser: a settlement that two approve, two who change the same terms."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Browser

from admin_client import create_tokens
from ledger.payouts.sending import end_to_end_id
from ledger.reconciliation.statements.csv_table import COLUMNS
from ops.clock import utc_now
from ops.http.core import snapshots
from running_service import DAY, SLUG, RunningService, like, promise, running_service
from tests.browser.test_admin_browser import signed_in
from tests.browser.test_browser import WIDE, Watched, browser

__all__ = ["browser"]  # the fixture
pytestmark = [pytest.mark.slow, pytest.mark.one_server]
TO_COME = {"starts_at": utc_now() + timedelta(days=10), "ends_at": utc_now() + timedelta(days=30)}


@pytest.fixture
async def service(dsn: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningService]:
    """Yield a service with a campaign whose likes may be settled; its public pages are never older than asked for."""
    monkeypatch.setattr(snapshots, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(snapshots, "_PAUSE_FACTOR", 0)
    async with running_service(dsn) as made:
        await create_tokens(made.service.pool)
        await made.send([like(str(n), at=DAY) for n in range(900)])
        await made.tick()
        yield made


async def press(seen: Watched, name: str) -> str:
    """Press a button, and return what the page that comes is headed with."""
    await seen.page.get_by_role("button", name=name, exact=True).first.click()
    return await seen.page.inner_text("h1")


async def statement(service: RunningService, page: Any) -> None:
    """Have the bank say that every payout left, in a file that finance takes in."""
    rows = await service.service.pool.fetch("SELECT payout_id, amount_minor FROM payouts ORDER BY payout_id")
    out = [
        f"NL1,S,entry,2026-11-27,{r['amount_minor'] / 100:.2f},CNY,debit,{end_to_end_id(r['payout_id'], 1)},,,"
        for r in rows
    ]
    total = f"{sum(row['amount_minor'] for row in rows) / 100:.2f}"
    ends = (
        "NL1,S,opening,2026-11-27,0.00,CNY,credit,,,,",
        f"NL1,S,closing,2026-11-27,{total},CNY,debit,,,,",
    )
    body = "\r\n".join([",".join(COLUMNS), ends[0], *out, ends[1]]).encode()
    await page.locator('input[type="file"]').set_input_files(
        [{"name": "statement.csv", "mimeType": "text/csv", "buffer": body}]
    )


async def test_a_settlement_is_made_approved_by_two_sent_answered_and_paid(
    browser: Browser, service: RunningService
) -> None:
    fay, fred, olga = [await signed_in(browser, service, name, viewport=WIDE) for name in ("fay", "fred", "olga")]
    await fay.page.goto(f"{service.url}/admin/campaigns/{SLUG}?lang=en")
    assert await press(fay, "Settle now") == "Done"
    await fay.page.get_by_role("link", name="Open the settlement").click()
    settlement_url = fay.page.url
    text = await fay.page.inner_text("main")
    assert "Approvals still needed before it can be sent: 2." in text
    assert "You created it, so other people must approve it." in text
    assert await fay.page.get_by_role("button", name="Approve the settlement").count() == 0
    settlement = settlement_url.partition("/settlements/")[2].partition("?")[0]
    for language, button, sentence in (
        ("en", "Approve the settlement", f"fay made {settlement}, so another person must approve it."),
        ("zh", "批准结算", f"结算 {settlement} 由 fay 发起，须由其他人批准。"),
    ):
        await fay.page.goto(f"{service.url}/admin/do/settlement.approve/{settlement}?lang={language}")
        await press(fay, button)
        assert sentence in await fay.page.inner_text("main")
    await fay.page.get_by_role("link", name="返回上一页").click()
    for approver in (fred, olga):
        await approver.page.goto(f"{service.url}/admin?lang=en")
        await approver.page.get_by_role("link", name="Settlement of 2022-04-18").click()
        text = await approver.page.inner_text("main")
        digest = await approver.page.inner_text(".hash code")
        assert ("CN¥2.10" in text, "CN¥0.90" in text, "6222020200112233445" in text) == (True, True, True)
        assert await press(approver, "Approve the settlement") == "Done"
        rows = await service.service.pool.fetch("SELECT person, hash FROM settlement_approvals ORDER BY at")
        assert rows[-1]["hash"].hex() == digest
    await fred.page.get_by_role("link", name="Open", exact=True).click()
    assert "Ready to be sent." in await fred.page.inner_text("main")
    await fred.page.locator('[name="channel"]').select_option("manual")
    assert await press(fred, "Send the money") == "Done"
    for number in (1, 2):
        await fred.page.goto(f"{service.url}/admin/settlements/{settlement}?lang=en")
        await fred.page.get_by_role("link", name="Record the bank's answer").nth(number - 1).click()
        await fred.page.get_by_label("Bank reference").fill(f"BANK-{number}")
        assert await press(fred, "Record the bank's answer") == "Done"
    await fay.page.goto(f"{service.url}/admin/statement-lines?lang=en")
    await fay.page.get_by_role("link", name="Import a bank statement").click()
    await statement(service, fay.page)
    assert await press(fay, "Import a bank statement") == "Done"
    await fay.page.get_by_role("link", name="Open", exact=True).click()
    assert await fay.page.locator(".rows tbody tr").count() == 2
    await fay.page.goto(f"{service.url}/campaigns/{SLUG}?lang=en")
    public = await fay.page.inner_text("main")
    assert public.count("paid on 27 November 2026") == 2
    for seen in (fay, fred, olga):
        assert (seen.outside, [entry for entry in seen.complaints if "409" not in entry]) == ([], [])


async def test_whoever_comes_second_sees_the_others_terms_and_keeps_what_they_typed(
    browser: Browser, dsn: str
) -> None:
    async with running_service(dsn, promise(TO_COME)) as service:
        await create_tokens(service.service.pool)
        cat, carl = [await signed_in(browser, service, name, viewport=WIDE) for name in ("cat", "carl")]
        for person, cap in ((cat, "30"), (carl, "20")):
            await person.page.goto(f"{service.url}/admin/campaigns/{SLUG}/terms?lang=en")
            await person.page.locator('[name="terms.daily_cap_minor"]').fill(cap)
        assert await press(cat, "Submit") == "Done"  # a cap lowers what may be paid: it takes nobody else
        assert await press(carl, "Submit") == "Change the terms"
        faults = await carl.page.inner_text("#faults")
        assert "The newest terms are version 2" in faults
        assert "Your values are kept" in faults
        assert await carl.page.evaluate("document.activeElement.id") == "faults"
        assert await carl.page.input_value('[name="terms.daily_cap_minor"]') == "20"
        assert "CN¥30.00" in await carl.page.inner_text("[aria-labelledby=dry-run]")
        assert await press(carl, "Submit") == "Done"
        caps = await service.service.pool.fetch("SELECT daily_cap_minor FROM terms ORDER BY version")
        assert [row["daily_cap_minor"] for row in caps] == [None, 3000, 2000]
