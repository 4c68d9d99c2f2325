"""The page /verify in a real browser: it decides as the command line does, says why, and needs no network."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from campaigns.intake.like_state import LikeVerdict
from ledger.log.note import format_verifier_key
from receipt_cases import FOREIGN, LOG, cases, check_outcome, mutants
from running_service import RunningService, like, running_service
from tests.browser.test_browser import NARROW, WIDE, Watched, axe_finds_nothing, browser, open_page
from verdicts import decide, store_ruleset

__all__ = ["browser"]  # a fixture

pytestmark = [pytest.mark.slow, pytest.mark.one_server]

ENDINGS = """async cases => {
  const {check} = await import('/site/verify/receipt.js');
  const {readVerifierKey} = await import('/site/verify/note.js');
  const endings = [];
  for (const {raw, key} of cases) {
    const bytes = Uint8Array.from(atob(raw), c => c.charCodeAt(0));
    try {
      const {steps} = await check(bytes, await readVerifierKey(key));
      endings.push(steps.find(step => !step.holds)?.name ?? 'holds');
    } catch (error) {
      endings.push(error.code === undefined ? String(error) : error.code === 'waiting' ? 'waiting' : 'malformed');
    }
  }
  return endings;
}"""


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as made:
        yield made


@pytest.fixture
async def receipt_id(service: RunningService) -> str:
    """Return the id of a receipt that is in the log."""
    answer = await service.send([like(str(n)) for n in range(5)], results="all")
    await service.sequence()
    return str(answer.json["results"][2]["receipt"])


async def page_of(
    browser: Browser, service: RunningService, language: str = "en", query: str = "", **options: Any
) -> Watched:
    seen = await open_page(browser, f"{service.url}/verify?lang={language}{query}", service.url, **options)
    await seen.page.wait_for_selector("[data-ready]", state="attached")
    return seen


async def endings_of(page: Page, receipts: list[tuple[bytes, str]]) -> list[str]:
    table = [{"raw": base64.b64encode(raw).decode(), "key": key} for raw, key in receipts]
    return list(await page.evaluate(ENDINGS, table))


async def paste_receipt(page: Page, receipt: str) -> None:
    await page.fill("#receipt", receipt)
    await page.click("#check button")
    await page.wait_for_selector("#result .verdict")


async def marks(page: Page) -> list[str]:
    return await page.locator("#result .mark").all_inner_texts()


async def test_the_browser_decides_every_case_as_the_command_line_does(
    browser: Browser, service: RunningService
) -> None:
    seen = await page_of(browser, service)
    endings = await endings_of(seen.page, [(case.raw, case.key) for case in cases()])
    decided = {case.name: ending for case, ending in zip(cases(), endings, strict=True)}
    assert decided == {case.name: case.outcome for case in cases()}
    assert (seen.outside, seen.complaints) == ([], [])


async def test_chance_finds_no_receipt_on_which_the_two_differ(browser: Browser, service: RunningService) -> None:
    page = (await page_of(browser, service)).page
    key, receipts = format_verifier_key(LOG.verifier_key), mutants(1_500, seed=7)
    endings = await endings_of(page, [(raw, key) for raw in receipts])
    differ = [raw for raw, ending in zip(receipts, endings, strict=True) if ending != check_outcome(raw, key)]
    assert differ == []
    assert len(set(endings)) == 8  # each way to end was among them


@pytest.mark.parametrize(
    ("language", "says"),
    [("zh", "查验通过：这个赞已计入公开账本。"), ("en", "Verified: this like is in the public log.")],
)
async def test_a_good_receipt_is_fetched_by_its_id_and_holds(
    browser: Browser, service: RunningService, receipt_id: str, language: str, says: str
) -> None:
    seen = await page_of(browser, service, language, f"&receipt={receipt_id}")
    assert says in await seen.page.inner_text("#result .verdict")
    assert [mark[0] for mark in await marks(seen.page)] == ["✓"] * 5
    assert await seen.page.inner_text("#served") == format_verifier_key(LOG.verifier_key)
    assert (seen.outside, seen.complaints) == ([], [])
    await seen.page.click("a[hreflang]")
    await seen.page.wait_for_selector("#result .verdict.true")
    assert says not in await seen.page.inner_text("#result .verdict")


VERDICT_WORDS = [  # what the page says of a like that rules hold
    ("zh", ["暂扣", "原因：许多账号", "这由规则决定", "申诉"]),
    ("en", ["is held until people", "Reason: Many accounts", "Rules decided this", "You can appeal"]),
]


@pytest.mark.parametrize(("language", "words"), VERDICT_WORDS)
async def test_the_page_says_in_words_why_a_like_does_not_count(
    browser: Browser, service: RunningService, receipt_id: str, language: str, words: list[str]
) -> None:
    async with service.service.pool.acquire() as conn:
        await store_ruleset(conn)
    await decide(service, LikeVerdict.HELD, [("3431182", "2")], rules=("device.crowd",))
    seen = await page_of(browser, service, language, f"&receipt={receipt_id}")
    await seen.page.wait_for_selector("#result .note")
    notes = " ".join(await seen.page.locator("#result .note").all_inner_texts())
    assert [word for word in words if word not in notes] == []
    assert not any(character.isdigit() for character in notes)
    assert (seen.outside, seen.complaints) == ([], [])


TAMPERED = {  # what is changed, the step that fails, and what the page says of it
    "like": (lambda r: r["like"].update(content="another"), 0, "Expected"),
    "batch": (lambda r: r["batch"]["path"].pop(), 1, "the path must have 3 hashes but has 2"),
    "count": (lambda r: r["batch"].update(id=99), 2, "the count entry does not state this batch"),
    "signature": (
        lambda r: r.update(checkpoint=r["checkpoint"].replace("\n4\n", "\n5\n")),
        3,
        "signature is invalid",
    ),
    "log": (lambda r: r["count"].update(index=0), 4, "Expected"),
}


async def test_each_step_that_is_false_is_named_with_what_was_found(
    browser: Browser, service: RunningService, receipt_id: str
) -> None:
    page = (await page_of(browser, service)).page
    receipt = (await service.get(f"/v1/receipts/{receipt_id}")).json
    for change, step, says in TAMPERED.values():
        other = json.loads(json.dumps(receipt))
        change(other)
        await paste_receipt(page, json.dumps(other))
        marks_shown = [mark[0] for mark in await marks(page)]
        assert marks_shown == ["✓"] * step + ["✗"] + ["–"] * (4 - step)
        assert "Not verified: this receipt proves nothing." in await page.inner_text("#result .verdict")
        assert says in await page.locator("#result li").nth(step).inner_text()


async def test_another_log_s_receipt_holds_only_under_that_log_s_key(
    browser: Browser, service: RunningService
) -> None:
    page = (await page_of(browser, service)).page
    foreign = next(case for case in cases() if case.name == "another log's receipt")
    await paste_receipt(page, foreign.raw.decode())
    assert "the checkpoint is not signed with this key" in await page.locator("#result li").nth(3).inner_text()
    await page.fill("#key", f"  {format_verifier_key(FOREIGN.verifier_key)}\n")
    assert await page.inner_text("#result") == "Nothing has been verified yet."
    await page.click("#check button")
    await page.wait_for_selector("#result .verdict.true")
    assert "with the key that you entered" in await page.inner_text("#result .verdict")


async def test_after_it_was_opened_it_needs_no_network(
    browser: Browser, service: RunningService, receipt_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes((await service.get(f"/v1/receipts/{receipt_id}")).body)
    seen = await page_of(browser, service)
    requests: list[str] = []
    seen.page.on("request", lambda request: requests.append(request.url))
    await seen.page.context.set_offline(True)
    await seen.page.set_input_files("#file", file)
    await seen.page.wait_for_selector("#result .verdict.true")
    await paste_receipt(seen.page, file.read_text(encoding="utf-8").replace("counted", "changed"))
    assert await marks(seen.page) == ["✓ correct"] * 2 + ["✗ incorrect"] + ["– not checked"] * 2
    assert requests == []
    await seen.page.fill("#receipt-id", receipt_id)
    await seen.page.press("#receipt-id", "Enter")
    await seen.page.wait_for_selector("text=There is no network connection. Paste the receipt or choose its file.")


async def test_it_is_used_by_keyboard_alone(browser: Browser, service: RunningService, receipt_id: str) -> None:
    page = (await page_of(browser, service)).page
    keyboard = page.keyboard
    while await page.evaluate("document.activeElement.id") != "receipt-id":
        await keyboard.press("Tab")
    await keyboard.type(receipt_id)
    await keyboard.press("Tab")
    await keyboard.press("Enter")
    await page.wait_for_selector("#result .verdict.true")
    for place in ("file", "receipt", "key"):
        await keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.id") == place
    await keyboard.type("nobody's key")
    await keyboard.press("Tab")
    await keyboard.press("Space")
    await page.wait_for_selector("text=The text that you entered is not a public key")


NOTHING = {
    "": "There is no receipt yet",
    "{": "The text is not JSON.",
    '{"a": 1.5}': "The receipt contains JSON that programs read differently (1.5)",
    "{}": "The receipt is incomplete: batch is missing or malformed.",
}


async def test_what_is_no_receipt_is_told_and_never_looks_like_a_proof(
    browser: Browser, service: RunningService
) -> None:
    page = (await page_of(browser, service, query="&receipt=%3Cb%3E")).page
    assert "This is not a receipt id" in await page.inner_text("#result .verdict.false")
    for text, says in NOTHING.items():
        await paste_receipt(page, text)
        assert says in await page.inner_text("#result .verdict.false")
        assert await marks(page) == []
    await page.fill("#receipt-id", "rcp_AAAAAAAAAAEAAAAAAAAAAAAAAAA")
    await page.click("#fetch button")
    await page.wait_for_selector("text=This site has no such receipt.")
    waiting = (await service.send([like("new")], results="all")).json["results"][0]["receipt"]
    await page.fill("#receipt-id", waiting)
    await page.click("#fetch button")
    await page.wait_for_selector("text=The like is not in a checkpoint yet")


async def test_markup_in_a_receipt_stays_text(browser: Browser, service: RunningService) -> None:
    hostile = "<img src=x onerror=alert(1)>{{7*7}}\u202e"
    answer = await service.send([like("1", hostile)], results="all")
    await service.sequence()
    seen = await page_of(browser, service, query=f"&receipt={answer.json['results'][0]['receipt']}")
    assert await seen.page.locator("#result dd").first.text_content() == hostile
    assert (await seen.page.locator("#result img").count(), seen.outside, seen.complaints) == (0, [], [])


OLDER_BROWSERS = {
    "no Ed25519": "crypto.subtle.importKey = () => Promise.reject(new Error('unknown algorithm'))",
    "no HTTPS": "Object.defineProperty(Crypto.prototype, 'subtle', {value: undefined})",
    "one that believes all": "crypto.subtle.verify = () => Promise.resolve(true)",
}


@pytest.mark.parametrize("lacks", OLDER_BROWSERS)
async def test_a_browser_that_cannot_check_signatures_says_so(
    browser: Browser, service: RunningService, lacks: str
) -> None:
    page = await (await browser.new_context()).new_page()
    await page.add_init_script(OLDER_BROWSERS[lacks])
    await page.goto(f"{service.url}/verify?lang=en&receipt=rcp_AAAA")
    await page.wait_for_selector("text=This browser cannot verify Ed25519 signatures here")
    assert not await page.is_visible("#forms")


async def test_modules_that_do_not_come_are_not_waited_for_in_silence(
    browser: Browser, service: RunningService
) -> None:
    page = await (await browser.new_context()).new_page()
    await page.route("**/site/verify/sha.js", lambda route: route.abort())
    await page.goto(f"{service.url}/verify?lang=en")
    await page.wait_for_selector("text=This browser cannot verify Ed25519 signatures here")
    assert not await page.is_visible("#forms")


async def test_without_scripts_the_commands_are_named(browser: Browser, service: RunningService) -> None:
    url = f"{service.url}/verify?lang=en"
    page = (await open_page(browser, url, service.url, java_script_enabled=False)).page
    commands = await page.inner_text("noscript")
    assert ("like-ledger verify-receipt" in commands, "python -m ledger.log.verify" in commands) == (True, True)
    assert (await page.is_visible("#forms"), await page.is_visible("#unable")) == (False, False)


async def test_axe_finds_nothing_in_what_was_found(
    browser: Browser, service: RunningService, receipt_id: str
) -> None:
    for language in ("zh", "en"):
        query = f"&receipt={receipt_id}"
        page = (await page_of(browser, service, language, query, viewport=WIDE)).page
        good = await page.input_value("#receipt")
        for receipt in (good, good.replace('"3431182"', '"9"'), "{}"):
            await paste_receipt(page, receipt)
            await axe_finds_nothing(page, receipt)


async def test_what_was_found_fits_a_narrow_screen(
    browser: Browser, service: RunningService, receipt_id: str
) -> None:
    page = (await page_of(browser, service, query=f"&receipt={receipt_id}", viewport=NARROW)).page
    assert await page.evaluate("() => document.documentElement.scrollWidth") <= NARROW["width"]
