"""Review in a real browser: by keyboard, without scripts, in both languages and widths."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from admin_client import create_tokens
from campaigns.judging.case_plan import COUNTING
from reviewed_cases import like_states, open_case, send_likes, store_rules
from running_service import RunningService, promise, running_service
from tests.browser.test_admin_browser import signed_in
from tests.browser.test_browser import NARROW, WIDE, axe_finds_nothing, browser

__all__ = ["browser"]  # the fixture
pytestmark = [pytest.mark.slow, pytest.mark.one_server]


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    """Yield a service with three cases: 8 held likes, 5 held likes, and 3 that count."""
    settled = promise().settlement.model_copy(update={"threshold_minor": 100})
    campaign = promise(terms={"rate": {"amount_minor": 1, "per_likes": 1}})
    async with running_service(dsn, campaign.model_copy(update={"settlement": settled})) as made:
        await create_tokens(made.service.pool)
        await store_rules(made)
        await open_case(made, await send_likes(made, [f"farm {n}" for n in range(8)], "one"))
        bursts = {"likes": 40, "bursts": 7}
        likes = await send_likes(made, [f"fast {n}" for n in range(5)], "two")
        await open_case(made, likes, rule="pace.burst.minute", evidence=bursts, age=timedelta(days=26))
        await open_case(made, await send_likes(made, ["x", "y", "z"], "three"), kind=COUNTING)
        yield made


async def test_the_queue_is_worked_by_keyboard(browser: Browser, service: RunningService) -> None:
    rita = await signed_in(browser, service, "rita", viewport=WIDE)
    page, keyboard = rita.page, rita.page.keyboard
    await page.goto(f"{service.url}/admin/review?lang=en")
    assert await page.locator(".queue h2").all_inner_texts() == ["CN¥0.08", "CN¥0.05", "CN¥0.03"]
    await keyboard.press("?")
    assert await page.locator("#keys").evaluate("keys => keys.open")
    for key, amount in (("j", "CN¥0.08"), ("j", "CN¥0.05"), ("k", "CN¥0.08"), ("k", "CN¥0.08"), ("j", "CN¥0.05")):
        await keyboard.press(key)
        assert await page.locator("[data-current] h2").inner_text() == amount
    await keyboard.press("Enter")
    await page.wait_for_url("**/admin/review/cases/**")
    assert "An account gave 5 or more likes within 1 minute" in await page.inner_text("main")
    await page.go_back()
    await keyboard.press("j")
    await keyboard.press("v")
    await page.wait_for_url("**/admin/do/case.void/**")
    await page.get_by_label("Reason").fill("one phone")
    await keyboard.press("Enter")
    await page.get_by_role("heading", level=1, name="Done").wait_for()
    assert await like_states(service) == {"counted": 3, "quarantined": 5, "void": 8}
    assert (rita.outside, rita.complaints) == ([], [])


@pytest.mark.parametrize("has_script", [True, False])
async def test_selected_cases_are_decided_together(
    browser: Browser, service: RunningService, *, has_script: bool
) -> None:
    rita = await signed_in(browser, service, "rita", viewport=WIDE, java_script_enabled=has_script)
    page = rita.page
    await page.goto(f"{service.url}/admin/review?lang=en")
    for box in await page.locator(".queue input[type=checkbox]").all():
        await box.check()
    await page.get_by_label("Reason").fill("fakes")
    await page.get_by_role("button", name="Void").click()
    texts = await page.locator("#faults .state").all_inner_texts()
    assert texts == ["Done", "Done", "A second person must approve: likes that count become void"]
    assert await like_states(service) == {"counted": 3, "void": 13}
    olga = await signed_in(browser, service, "olga", viewport=WIDE, java_script_enabled=has_script)
    await olga.page.locator(".proposals a").first.click()
    await olga.page.get_by_role("button", name="Approve").click()
    await olga.page.get_by_role("heading", level=1, name="Done").wait_for()
    assert await like_states(service) == {"void": 16}
    assert (rita.outside, rita.complaints) == ([], [])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
async def test_everyone_can_read_the_pages(
    browser: Browser, service: RunningService, language: str, size: dict[str, int]
) -> None:
    al = await signed_in(browser, service, "rita", language, viewport=size)
    case = await service.service.pool.fetchval("SELECT case_id FROM cases WHERE rule = 'device.crowd' LIMIT 1")
    for name, path in (
        ("queue", "/review"),
        ("case", f"/review/cases/{case}"),
        ("likes", "/review/likes"),
        ("form", f"/do/case.void/{case}"),
        ("home", ""),
    ):
        await al.page.goto(f"{service.url}/admin{path}?lang={language}")
        await keep_screenshot(al.page, f"{name}-{language}-{size['width']}")
        await axe_finds_nothing(al.page, f"{name} {language}")
        overflow = await al.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, (name, language)
    assert (al.outside, al.complaints) == ([], [])


async def keep_screenshot(page: Any, name: str) -> None:
    """Write a screenshot for people who look, if the environment names a folder."""
    if folder := os.environ.get("SCREENSHOTS"):
        await page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
