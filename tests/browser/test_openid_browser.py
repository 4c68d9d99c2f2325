"""Signing in by OpenID Connect in a real browser: there, to another site, and back with a cookie that is `Strict`."""

from typing import Any

import pytest
from playwright.async_api import Browser

from openid_service import issuer, openid_server
from running_service import RunningService
from tests.browser.test_browser import AXE, NARROW, browser, open_page

__all__ = ["browser", "issuer", "openid_server"]  # the fixtures
pytestmark = [pytest.mark.slow, pytest.mark.one_server]


@pytest.mark.parametrize("has_script", [True, False])
async def test_a_person_goes_to_the_provider_and_comes_back_signed_in(
    browser: Browser, openid_server: RunningService, *, has_script: bool
) -> None:
    options: dict[str, Any] = {"viewport": NARROW, "java_script_enabled": has_script}
    seen = await open_page(browser, f"{openid_server.url}/admin/campaigns?lang=en", openid_server.url, **options)
    page = seen.page
    assert await page.locator("h1").inner_text() == "Sign in"
    assert await page.evaluate("() => document.documentElement.scrollWidth") <= NARROW["width"]
    await page.locator(".sign-in a.button").click()
    assert page.url.startswith("http://localhost:")
    await page.fill("[name=username]", "ida")
    await page.fill("[name=password]", "ida")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{openid_server.url}/admin/campaigns?lang=en")
    assert "ida" in await page.locator(".who").inner_text()
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies(openid_server.url)}
    kept = await page.context.cookies(f"{openid_server.url}/admin")
    assert [(c["name"], c["sameSite"], c["httpOnly"]) for c in kept] == [("like_ledger_session", "Strict", True)]
    assert cookies == {}, "the attempt's is gone, and the session's is for /admin alone"
    await page.locator(".who button").click()
    await page.wait_for_url("**/admin/sign-in*")


async def test_the_pages_on_the_way_can_be_used_by_everybody(browser: Browser, openid_server: RunningService) -> None:
    seen = await open_page(browser, "about:blank", openid_server.url)
    for path in ("/admin/sign-in?lang=zh", "/admin/sign-in/openid/callback?lang=en"):
        await seen.page.goto(f"{openid_server.url}{path}")
        await seen.page.evaluate(AXE.read_text(encoding="utf-8"))
        result = await seen.page.evaluate("() => axe.run({resultTypes: ['violations']})")
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in result["violations"]] == [], path
