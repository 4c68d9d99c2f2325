"""Signing in by OpenID Connect in a real browser: there, to another site, and back with a cookie that is `Strict`."""

from typing import Any

import pytest
from playwright.async_api import Browser

from openid_serving import issuer, served
from serving import Running
from tests.browser.test_browser import AXE, NARROW, browser, opened

__all__ = ["browser", "issuer", "served"]  # the fixtures
pytestmark = [pytest.mark.slow, pytest.mark.one_server]


@pytest.mark.parametrize("has_script", [True, False])
async def test_a_person_goes_to_the_provider_and_comes_back_signed_in(
    browser: Browser, served: Running, *, has_script: bool
) -> None:
    how: dict[str, Any] = {"viewport": NARROW, "java_script_enabled": has_script}
    seen = await opened(browser, f"{served.url}/admin/campaigns?lang=en", served.url, **how)
    page = seen.page
    assert await page.locator("h1").inner_text() == "Sign in"
    assert await page.evaluate("() => document.documentElement.scrollWidth") <= NARROW["width"]
    await page.locator(".door a.button").click()
    assert page.url.startswith("http://localhost:")
    await page.fill("[name=username]", "ida")
    await page.fill("[name=password]", "ida")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{served.url}/admin/campaigns?lang=en")
    assert "ida" in await page.locator(".who").inner_text()
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies(served.url)}
    kept = await page.context.cookies(f"{served.url}/admin")
    assert [(c["name"], c["sameSite"], c["httpOnly"]) for c in kept] == [("like_ledger_session", "Strict", True)]
    assert cookies == {}, "the attempt's is gone, and the session's is for /admin alone"
    await page.locator(".who button").click()
    await page.wait_for_url("**/admin/sign-in*")


async def test_the_pages_on_the_way_can_be_used_by_everybody(browser: Browser, served: Running) -> None:
    seen = await opened(browser, "about:blank", served.url)
    for path in ("/admin/sign-in?lang=zh", "/admin/sign-in/openid/callback?lang=en"):
        await seen.page.goto(f"{served.url}{path}")
        await seen.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await seen.page.evaluate("() => axe.run({resultTypes: ['violations']})")
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]] == [], path
