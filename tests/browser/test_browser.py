"""The pages in a real browser: nothing from outside, no script needed, and everyone can use them."""

import os
from collections.abc import AsyncIterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page, async_playwright

from campaigns.pledging import settle
from ops.clock import utc_now
from running_service import SLUG, RunningService, like, promise, running_service

CHROMIUM = Path("/usr/bin/chromium")
AXE = files("axe_playwright_python") / "axe.min.js"  # axe-core itself; the package around it is not used
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CAMPAIGN = f"/campaigns/{SLUG}"
DOCS = "/docs"
PAGES = ["/", CAMPAIGN, DOCS, "/verify", "/nowhere"]
COLOURS: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
NARROW, WIDE = {"width": 320, "height": 640}, {"width": 1280, "height": 900}

pytestmark = [pytest.mark.slow, pytest.mark.one_server]


def is_missing(tool: Path, remedy: str) -> None:
    """Fail where everything must be tested, skip elsewhere; either says what to do."""
    if not tool.exists():
        message = f"{tool.name} is missing: {remedy}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, promise(terms={"daily_cap_minor": 3, "likes_per_person_per_day": 20})) as made:
        await made.send([like(str(n)) for n in range(20)])
        await made.tick()
        yield made


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    is_missing(CHROMIUM, "apt-get install chromium")
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield made
        await made.close()


class Watched:
    """A page with its outside requests and console messages."""

    def __init__(self, page: Page, own_url: str) -> None:
        self.page, self.outside, self.complaints = page, list[str](), list[str]()
        page.on(
            "request", lambda request: None if request.url.startswith(own_url) else self.outside.append(request.url)
        )
        page.on("console", lambda entry: self.complaints.append(entry.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


async def open_page(browser: Browser, url: str, own_url: str, **options: Any) -> Watched:
    """Open a page in a new window. A window costs a second: visit several pages with one."""
    watched = Watched(await (await browser.new_context(**options)).new_page(), own_url)
    await watched.page.goto(url)
    return watched


async def test_pages_ask_for_nothing_outside_and_complain_of_nothing(
    browser: Browser, service: RunningService
) -> None:
    seen = await open_page(browser, "about:blank", service.url)
    for path in PAGES[:4]:
        for language in ("zh", "en"):
            await seen.page.goto(f"{service.url}{path}?lang={language}")
            assert (seen.outside, seen.complaints) == ([], []), path


async def test_no_script_is_needed(browser: Browser, service: RunningService) -> None:
    seen = await open_page(browser, f"{service.url}{CAMPAIGN}?lang=en", service.url, java_script_enabled=False)
    assert await seen.page.locator("h1").inner_text() == "Rural Education Support"
    assert await seen.page.locator(".stop strong").all_inner_texts() == ["CN¥0.03", "CN¥0.00", "CN¥0.00"]
    rows = seen.page.locator("#content table").first.locator("tbody tr")
    assert (await rows.count(), "likes over the daily cap" in await seen.page.inner_text(".legend")) == (14, True)
    await seen.page.click("text=中文")
    assert await seen.page.locator("h1").inner_text() == "乡村教育支持计划"
    assert seen.complaints == []


async def test_the_policy_lets_no_foreign_script_run(browser: Browser, service: RunningService) -> None:
    seen = await open_page(browser, f"{service.url}{CAMPAIGN}", service.url)
    await seen.page.evaluate(FOREIGN)
    assert await seen.page.evaluate("() => window.ran") is None
    assert any("Content Security Policy" in complaint for complaint in seen.complaints)


async def test_nothing_is_wider_than_a_narrow_screen(browser: Browser, service: RunningService) -> None:
    seen = await open_page(browser, "about:blank", service.url, viewport=NARROW)
    for path in PAGES:
        for language in ("zh", "en"):
            await seen.page.goto(f"{service.url}{path}?lang={language}")
            assert await seen.page.evaluate("() => document.documentElement.scrollWidth") <= NARROW["width"], path


async def test_everything_is_reached_by_keyboard_and_seen_to_be(browser: Browser, service: RunningService) -> None:
    seen = await open_page(browser, f"{service.url}{CAMPAIGN}?lang=en", service.url, viewport=WIDE)
    wanted = await seen.page.evaluate("() => document.querySelectorAll('a[href], summary, [tabindex]').length")
    reached = []
    for _ in range(wanted):
        await seen.page.keyboard.press("Tab")
        reached.append(await seen.page.evaluate(FOCUSED))
    assert reached[0]["text"] == "Skip to the content"
    assert len({element["index"] for element in reached}) == wanted
    assert all(element["outline"] >= 2 for element in reached), reached


FOREIGN = """() => {
  const script = document.createElement('script');
  script.textContent = 'window.ran = 1';
  document.body.append(script);
}"""
FOCUSED = """() => {
  const one = document.activeElement, all = [...document.querySelectorAll('a[href], summary, [tabindex]')];
  const outline = parseFloat(getComputedStyle(one).outlineWidth);
  return {text: one.textContent.trim(), index: all.indexOf(one), outline};
}"""


async def test_a_payouts_receipt_is_found_read_and_printed(browser: Browser, service: RunningService) -> None:
    running = service.service
    await settle.settle_due_periods(
        running.pool, (await running.catalogue_cache.refresh()).campaigns[SLUG], "ann", utc_now()
    )
    script = AXE.read_text(encoding="utf-8")
    for colours in ("light", "dark"):
        url = f"{service.url}{CAMPAIGN}?lang=en"
        options: dict[str, Any] = {"color_scheme": colours, "viewport": NARROW, "java_script_enabled": True}
        seen = await open_page(browser, url, service.url, **options)
        await seen.page.locator("#payouts ~ .scroll a").first.click()
        assert await seen.page.locator("h1").inner_text() == "CN¥0.02"
        assert (seen.outside, seen.complaints) == ([], [])
        assert await seen.page.evaluate("() => document.documentElement.scrollWidth") <= NARROW["width"]
        await seen.page.evaluate(script)
        result = await seen.page.evaluate("() => axe.run({resultTypes: ['violations']})")
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in result["violations"]] == [], colours
        await seen.page.emulate_media(media="print")
        printed = await seen.page.evaluate(PRINTED)
        assert printed == {"nav": "none", "ink": "rgb(0, 0, 0)", "paper": "rgb(255, 255, 255)"}


PRINTED = """() => {
  const of = (one, what) => getComputedStyle(document.querySelector(one))[what];
  return {nav: of('nav', 'display'), ink: of('html', 'color'), paper: of('html', 'backgroundColor')};
}"""


async def axe_finds_nothing(page: Page, where: str, schemes: Sequence[Literal["light", "dark"]] = COLOURS) -> None:
    """Run every rule of axe on the page as it is, in each colour scheme: loading it again would cost more."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    for scheme in schemes:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # links take their colour at once
        result = await page.evaluate("() => axe.run({resultTypes: ['violations']})")
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in result["violations"]] == [], (where, scheme)


async def test_axe_finds_nothing(browser: Browser, service: RunningService) -> None:
    seen = await open_page(browser, "about:blank", service.url, viewport=WIDE)
    for path in [f"{path}?lang={language}" for path in PAGES if path != DOCS for language in ("zh", "en")]:
        await seen.page.goto(f"{service.url}{path}")
        await axe_finds_nothing(seen.page, path)
    for language, scheme in zip(("zh", "en"), COLOURS, strict=True):  # a long page: it takes axe a while
        await seen.page.goto(f"{service.url}{DOCS}?lang={language}")
        await axe_finds_nothing(seen.page, DOCS, [scheme])
