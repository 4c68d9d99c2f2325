"""The pages as they are sent: both languages, escaped, guarded, and the same figures as the open data."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from ops.clock import utc_now
from ops.http.core import snapshots
from ops.i18n.language import SITE
from running_service import SLUG, RunningService, like, promise, running_service

HOSTILE = "<script>alert(1)</script>\"onload='x'{{7*7}}&amp;"
PAGES = ["/", f"/campaigns/{SLUG}", "/docs", "/verify"]
SCRIPTED = {"/verify": [{"type": "module", "src": "/site/verify/page.js"}]}


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(snapshots, "_PAUSE_FACTOR", 0)


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as made:
        yield made


class Elements(HTMLParser):
    """The elements of a page, with their attributes, and whether each was closed in its turn."""

    VOID = frozenset(("meta", "link", "img", "br", "line", "rect", "input"))

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


async def test_each_page_is_whole_in_both_languages(service: RunningService) -> None:
    await service.send([like(str(n)) for n in range(10)])
    await service.tick()
    for path in PAGES:
        for language, tag in (("zh", "zh-Hans"), ("en", "en")):
            answer = await service.get(f"{path}?lang={language}")
            assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
            page = Elements(answer.body.decode())
            assert (page.open, len(page.of("h1")), page.of("html")[0]["lang"]) == ([], 1, tag)
            assert page.of("script") == SCRIPTED.get(path, [])
            assert [name for _, attributes in page.elements for name in attributes if name.startswith("on")] == []
            assert [a for _, a in page.elements if "style" in a] == []


async def test_the_language_follows_the_browser_and_can_be_switched(service: RunningService) -> None:
    path = f"/campaigns/{SLUG}"
    chinese = (await service.get(path, **{"Accept-Language": "zh-CN,zh;q=0.9"})).body.decode()
    english = (await service.get(path, **{"Accept-Language": "en-US,en;q=0.9"})).body.decode()
    assert ("乡村教育支持计划" in chinese, "Rural Education Support" in english) == (True, True)
    assert 'href="/campaigns/rural-education?lang=en"' in chinese
    assert 'href="/campaigns/rural-education?lang=zh"' in english
    kept = (await service.get("/?lang=en")).body.decode()
    assert 'href="/campaigns/rural-education?lang=en"' in kept
    assert (await service.get("/?lang=fr")).status == 400


async def test_the_three_figures_stand_apart(service: RunningService) -> None:
    await service.send([like(str(n)) for n in range(300)])
    await service.tick()
    page = (await service.get(f"/campaigns/{SLUG}?lang=en")).body.decode()
    assert re.findall(r"<strong>(.*?)</strong>", page) == ["CN¥1.00", "CN¥0.00", "CN¥0.00"]
    assert "CN¥1.00 pledged of CN¥7,000.00 (0%), CN¥6,999.00 left" in page
    assert '<progress max="700000" value="100"' in page


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_hostile_words_stay_words(dsn: str, language: str) -> None:
    hostile = promise(campaign={"title": {"zh": HOSTILE, "en": HOSTILE}, "sponsor": HOSTILE})
    async with running_service(dsn, hostile) as service:
        for path in PAGES[:2]:
            page = (await service.get(f"{path}?lang={language}")).body.decode()
            assert ("<script" in page, "alert(1)" in page, "{{7*7}}" in page) == (False, True, True)
            assert Elements(page).open == []


async def test_pages_are_guarded(service: RunningService) -> None:
    for path in [*PAGES, "/nowhere"]:
        headers = (await service.get(path, Accept="text/html")).headers
        policy = headers["Content-Security-Policy"]
        assert ("default-src 'none'" in policy, "unsafe" in policy, "*" in policy) == (True, False, False)
        assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")


async def test_only_the_page_that_checks_receipts_runs_scripts_and_they_are_ours(service: RunningService) -> None:
    for path in [*PAGES, "/nowhere"]:
        policy = (await service.get(path, Accept="text/html")).headers["Content-Security-Policy"]
        assert ("script-src" in policy) is (path in SCRIPTED)
    assert (
        "script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'"
        in ((await service.get("/verify")).headers["Content-Security-Policy"])
    )


async def test_the_modules_are_sent_as_such_and_import_only_each_other(service: RunningService) -> None:
    pending, seen = ["/site/verify/page.js"], set[str]()
    while pending:
        address = pending.pop()
        answer = await service.get(address)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-cache")
        imported = re.findall(r'from "\./([\w]+\.js)"', answer.body.decode())
        assert len(imported) == len(re.findall(r"^import|\bimport\(", answer.body.decode(), re.MULTILINE))
        seen.add(address)
        pending += [f"/site/verify/{name}" for name in imported if f"/site/verify/{name}" not in seen]
    assert seen == {f"/site/verify/{file.name}" for file in (SITE / "verify").iterdir()}


NOT_SENT = ["templates/base.html", "texts.toml", "verify/../texts.toml", "verify/", "%2e%2e/pages.py"]


@pytest.mark.parametrize("path", NOT_SENT)
async def test_nothing_else_of_the_folder_is_sent(service: RunningService, path: str) -> None:
    assert (await service.get(f"/site/{path}")).status == 404


async def test_a_page_that_is_known_is_not_sent_again(service: RunningService) -> None:
    for path in [*PAGES, "/site/style.css", "/site/icon.svg"]:
        tag = (await service.get(path)).headers["ETag"]
        again = await service.get(path, **{"If-None-Match": tag})
        assert again.status == 304 or path in PAGES[:2]  # a minute may have begun


@pytest.mark.parametrize(("accepts", "kind"), [("text/html", "text/html"), ("*/*", "application/problem+json")])
async def test_people_get_a_page_where_there_is_nothing(service: RunningService, accepts: str, kind: str) -> None:
    for path in ("/nowhere", "/campaigns/nobody", "/site/secrets"):
        answer = await service.get(path, Accept=accepts)
        assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (404, kind)


SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("first", "last", "words"), [(1, 2, "Not started"), (-1, 1, "Running"), (-2, -1, "Ended")], ids=str
)
async def test_where_a_campaign_is_in_its_life(dsn: str, first: int, last: int, words: str) -> None:
    this_year = utc_now().astimezone(SHANGHAI).replace(month=7, day=1)
    span = {
        "starts_at": this_year.replace(year=this_year.year + first),
        "ends_at": this_year.replace(year=this_year.year + last),
    }
    async with running_service(dsn, promise(campaign=span)) as service:
        page = (await service.get(f"/campaigns/{SLUG}?lang=en")).body.decode()
    assert re.findall(r'class="state \w+">(.*?)<', page) == [words]


async def test_a_budget_that_is_used_up_is_said(dsn: str) -> None:
    async with running_service(dsn, funded_minor=1) as service:
        await service.send([like(str(n)) for n in range(4)])
        await service.tick()
        page = (await service.get(f"/campaigns/{SLUG}?lang=en")).body.decode()
    assert "The budget is used up" in page


async def test_the_checkpoint_is_shown_and_says_whether_it_covers_the_page(service: RunningService) -> None:
    await service.send([like("1")])
    for step, covers in ((service.tick, "every figure except the last seconds"), (service.sequence, "every figure")):
        await step()
        origin, size, root = (await service.get("/log/checkpoint")).body.decode().split("\n")[:3]
        page = (await service.get(f"/campaigns/{SLUG}?lang=en")).body.decode()
        section = page[page.index('<h2 id="checkpoint">') :]
        values = re.findall(r"<dd>(?:<code>)?([^<]+)<", section)
        assert values[:3] == [origin, size, root]
        assert covers in values[-1]
        assert 'href="/verify?lang=en"' in section
        assert ("like-ledger verify-receipt" in section, "python -m ledger.log.verify" in section) == (True, True)
    assert 'href="/verify?lang=en"' in (await service.get("/?lang=en")).body.decode()
