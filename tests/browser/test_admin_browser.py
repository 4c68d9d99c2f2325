"""The administration in a real browser: from nothing to a first pledged like, by keyboard, and without script."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from admin_client import create_tokens
from ops.clock import utc_now
from running_service import RunningService, like, running_service
from tests.browser.test_browser import NARROW, WIDE, Watched, axe_finds_nothing, browser, open_page

__all__ = ["browser"]  # the fixture
pytestmark = [pytest.mark.slow, pytest.mark.one_server]
SLUG = "forest"
PAGES = [
    "",
    "/campaigns",
    "/campaigns/rural-education",
    "/campaigns/new",
    "/campaigns/rural-education/terms",
    "/proposals",
    "/tokens",
    "/audit",
    "/audit?by=nobody&since=yesterday",
    "/settlements",
    "/payouts",
    "/statement-lines",
    "/platforms",
    "/charities",
    "/content?paused=true",
    "/do/campaign.close/rural-education",
    "/do/token.create",
    "/nowhere",
]


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as made:
        await create_tokens(made.service.pool)
        yield made


async def signed_in(
    browser: Browser, service: RunningService, name: str, language: str = "en", **options: Any
) -> Watched:
    """Sign in by keyboard alone: the field has the focus."""
    seen = await open_page(browser, f"{service.url}/admin?lang={language}", service.url, **options)
    await seen.page.locator("#token").focus()
    await seen.page.keyboard.type(f"token-of-{name}")
    await seen.page.keyboard.press("Enter")
    await seen.page.wait_for_url("**/admin?*")
    return seen


def forest(year: int) -> dict[str, str]:
    return {
        "campaign.slug": SLUG,
        "campaign.title.zh": "一片森林",
        "campaign.title.en": "A Forest",
        "campaign.sponsor": "Example Platform Foundation",
        "campaign.currency": "CNY",
        "campaign.timezone": "Asia/Shanghai",
        "campaign.starts_at": f"{year - 1}-12-20T00:00",
        "campaign.ends_at": f"{year + 1}-01-10T00:00",
        "terms.rate.amount_minor": "0.01",
        "terms.rate.per_likes": "3",
        "terms.daily_cap_minor": "30",
        "terms.beneficiaries.0.charity": "trees",
        "terms.beneficiaries.0.name.zh": "种树基金",
        "terms.beneficiaries.0.name.en": "Trees Fund",
        "terms.beneficiaries.0.share_bp": "100",
        "terms.beneficiaries.0.account.scheme": "other",
        "terms.beneficiaries.0.account.id": "6222020200112233445",
    }


async def fill_in(page: Page) -> None:
    for path, typed in forest(utc_now().year).items():
        await page.locator(f'[name="{path}"]').fill(typed)
    await page.locator('[name="campaign.content"]').select_option("open")


async def approve(seen: Watched, service: RunningService) -> None:
    """Approve the one thing that waits, from the overview."""
    await seen.page.goto(f"{service.url}/admin?lang=en")
    await seen.page.locator(".proposals a").first.click()
    await seen.page.get_by_role("button", name="Approve").click()
    assert await seen.page.inner_text("h1") == "Done"


@pytest.mark.parametrize("has_script", [True, False])
async def test_from_nothing_to_a_first_pledged_like(
    browser: Browser, service: RunningService, *, has_script: bool
) -> None:
    cat, carl, fay, fred = [
        await signed_in(browser, service, name, viewport=WIDE, java_script_enabled=has_script)
        for name in ("cat", "carl", "fay", "fred")
    ]
    await cat.page.get_by_role("link", name="New promise").click()
    await fill_in(cat.page)
    await cat.page.get_by_role("button", name="Check and preview").last.click()
    assert "would be pledged" in await cat.page.inner_text("#preview-panel")
    assert await cat.page.locator("#preview-panel svg.chart").count() == 2
    await cat.page.get_by_role("button", name="Submit").click()
    assert await cat.page.inner_text("h1") == "A second person must approve"
    await approve(carl, service)
    await fay.page.goto(f"{service.url}/admin/campaigns/{SLUG}?lang=en")
    await fay.page.get_by_label("Amount").fill("5000")
    await fay.page.get_by_label("Reference").fill("bank 1")
    await fay.page.get_by_role("button", name="Fund the budget").click()
    await approve(fred, service)
    answer = await service.send([{**like(str(n), at=utc_now()), "campaign": SLUG} for n in range(30)])
    assert answer.outcomes == {"counted": 30}
    await service.tick()
    await cat.page.goto(f"{service.url}/admin/campaigns/{SLUG}?lang=en")
    assert await cat.page.locator(".stop strong").first.inner_text() == "CN¥0.10"
    assert "30" in await cat.page.inner_text(".counts")
    for seen in (cat, carl, fay, fred):
        assert (seen.outside, seen.complaints) == ([], [])


async def test_the_preview_follows_what_is_typed(browser: Browser, service: RunningService) -> None:
    cat = await signed_in(browser, service, "cat", viewport=WIDE)
    await cat.page.goto(f"{service.url}/admin/campaigns/new?lang=en")
    await fill_in(cat.page)
    await cat.page.locator("#preview-panel svg.chart").first.wait_for()
    before = await cat.page.inner_text("#preview-panel p")
    await cat.page.locator('[name="terms.daily_cap_minor"]').fill("1")
    await cat.page.wait_for_function(
        "was => document.querySelector('#preview-panel p').innerText !== was", arg=before
    )
    await cat.page.locator('[name="terms.rate.per_likes"]').fill("none")
    await cat.page.get_by_text("field(s) to see the preview").wait_for()
    assert (cat.outside, cat.complaints) == ([], [])


async def test_a_fault_is_reached_by_keyboard(browser: Browser, service: RunningService) -> None:
    cat = await signed_in(browser, service, "cat", viewport=WIDE)
    await cat.page.goto(f"{service.url}/admin/campaigns/new?lang=en")
    await cat.page.locator('[name="campaign.slug"]').focus()
    await cat.page.keyboard.type("No Such")
    await cat.page.keyboard.press("Enter")  # checks: it neither asks nor removes a row
    await cat.page.locator("#faults").wait_for()
    assert await cat.page.evaluate("document.activeElement.id") == "faults"
    await cat.page.keyboard.press("Tab")
    await cat.page.keyboard.press("Enter")
    assert cat.page.url.endswith("#f-campaign-slug")
    await cat.page.keyboard.press("Tab")
    assert await cat.page.evaluate("document.activeElement.name") in ("campaign.slug", "campaign.title.zh")


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_axe_finds_nothing_and_nothing_is_too_wide(
    browser: Browser, service: RunningService, language: str
) -> None:
    olga = await signed_in(browser, service, "olga", language, viewport=WIDE)
    await olga.page.goto(f"{service.url}/admin/campaigns/new?lang={language}")
    await fill_in(olga.page)
    await olga.page.locator('[name="terms.beneficiaries.0.share_bp"]').fill("70")
    for do in ("add.terms.beneficiaries", "check", None, "execute"):
        if do is None:
            await olga.page.locator('[name="terms.beneficiaries.0.share_bp"]').fill("100")
            await olga.page.locator('button[value="remove.terms.beneficiaries.1"]').click()
        else:
            await olga.page.locator(f'button[value="{do}"]').last.click()
        await _is_fine(olga.page, do or "remove")
    await olga.page.locator("a.button").first.click()
    await _is_fine(olga.page, "proposal")
    for path in PAGES:
        await olga.page.goto(f"{service.url}/admin{path}{'&' if '?' in path else '?'}lang={language}")
        await _is_fine(olga.page, path)
    stranger = await open_page(browser, f"{service.url}/admin?lang={language}", service.url)
    await _is_fine(stranger.page, "sign-in")


async def _is_fine(page: Page, path: str) -> None:
    await axe_finds_nothing(page, path)
    await page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert await page.evaluate("() => document.documentElement.scrollWidth") <= NARROW["width"], path
    await page.set_viewport_size(WIDE)  # type: ignore[arg-type]
