"""The administration's pages: the promise's editor, a second person, lists; hostile words."""

from collections.abc import AsyncIterator, Awaitable, Callable
from io import BytesIO

import aiohttp
import pytest

from admin_client import create_tokens
from browser_client import BrowserClient, FetchedPage, page_text
from camt_documents import CamtDocument, Entry, Report, balance
from ops.clock import utc_now
from running_service import RunningService, next_year, promise, running_service

Comes = Callable[[str], Awaitable[BrowserClient]]
HOSTILE = "<script>alert(1)</script>\"onload='x'{{7*7}}"
NEW, RURAL = "/admin/campaigns/new?lang=en", "/admin/campaigns/rural-education"
NEXT_YEAR = utc_now().year + 1
FOREST = {
    "campaign.slug": "forest",
    "campaign.title.zh": "森林",
    "campaign.title.en": "Forest",
    "campaign.sponsor": "Example Foundation",
    "campaign.currency": "CNY",
    "campaign.timezone": "Asia/Shanghai",
    "campaign.starts_at": f"{NEXT_YEAR}-03-01T00:00",
    "campaign.ends_at": f"{NEXT_YEAR}-03-15T00:00",
    "campaign.content": "open",
    "terms.rate.amount_minor": "0.01",
    "terms.rate.per_likes": "3",
    "terms.daily_cap_minor": "30.00",
    "terms.beneficiaries.0.charity": "trees",
    "terms.beneficiaries.0.name.zh": "种树",
    "terms.beneficiaries.0.name.en": "Trees",
    "terms.beneficiaries.0.share_bp": "100",
    "terms.beneficiaries.0.account.scheme": "other",
    "terms.beneficiaries.0.account.id": "6222020200112233445",
}


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as own:
        await create_tokens(own.service.pool)
        yield own


@pytest.fixture
async def comes(server: RunningService) -> AsyncIterator[Comes]:
    browsers: list[aiohttp.ClientSession] = []

    async def come(name: str) -> BrowserClient:
        browsers.append(aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)))
        visitor = BrowserClient(server, browsers[-1])
        assert (await visitor.sign_in(name)).status == 200
        return visitor

    yield come
    for browser in browsers:
        await browser.close()


async def filled_in(visitor: BrowserClient, do: str, **other: str) -> FetchedPage:
    """Send the editor's form for the forest."""
    form = next(form for form in (await visitor.read(NEW)).forms if "key" in form)
    return await visitor.send_form(
        NEW, form | FOREST | {"do": do} | {k.replace("__", "."): v for k, v in other.items()}
    )


async def test_a_promise_is_previewed_asked_for_approved_and_funded(server: RunningService, comes: Comes) -> None:
    cat, carl, fay, fred = [await comes(name) for name in ("cat", "carl", "fay", "fred")]
    checked = await filled_in(cat, "check")
    assert (checked.status, 'class="chart"' in checked.text, "Trees" in page_text(checked)) == (200, True, True)
    assert await server.service.pool.fetchval("SELECT count(*) FROM proposals") == 0
    response = await filled_in(cat, "execute")
    assert "A second person must approve" in page_text(response)
    proposal_id = await server.service.pool.fetchval("SELECT proposal_id FROM proposals")
    author_page, approver_page = [await who.read(f"/admin/proposals/{proposal_id}?lang=en") for who in (cat, carl)]
    changes = [page.text.partition("<table")[2].partition("</table>")[0] for page in (author_page, approver_page)]
    assert (changes[0] == changes[1], "CN¥30.00" in changes[0], "100%" in changes[0]) == (True, True, True)
    assert (
        [form["action"].split("/")[3] for form in author_page.forms[1:]],
        [f["action"].split("/")[3] for f in approver_page.forms[1:]],
    ) == (
        ["proposal.withdraw"],
        ["proposal.approve", "proposal.refuse"],
    )
    done = await carl.send_form(approver_page.forms[1]["action"], approver_page.forms[1] | {"do": "execute"})
    assert "Done" in page_text(done)
    await fay.submit_form("/admin/do/campaign.fund/forest?lang=en", amount_minor="5000", reference="bank 1")
    second = await server.service.pool.fetchval("SELECT proposal_id FROM proposals WHERE command = 'campaign.fund'")
    page = await fred.read(f"/admin/proposals/{second}?lang=en")
    assert "+CN¥5,000.00" in page_text(page)
    await fred.send_form(page.forms[1]["action"], page.forms[1] | {"do": "execute"})
    assert "of CN¥5,000.00" in page_text(await cat.read("/admin/campaigns/forest?lang=en"))
    by = await server.service.pool.fetch("SELECT DISTINCT entry_point FROM audit_log")
    assert [row["entry_point"] for row in by] == ["page"]


async def test_what_was_shown_is_what_is_approved(server: RunningService, comes: Comes) -> None:
    cat, carl = await comes("cat"), await comes("carl")
    await filled_in(cat, "execute")
    proposal_id = await server.service.pool.fetchval("SELECT proposal_id FROM proposals")
    form = (await carl.read(f"/admin/proposals/{proposal_id}?lang=en")).forms[1]
    refused = await carl.send_form(form["action"], form | {"do": "execute", "hash": "0" * 64})
    assert (refused.status, "This is not the hash of" in page_text(refused)) == (409, True)
    chinese_url = form["action"].replace("=en", "=zh")
    in_chinese = await carl.send_form(chinese_url, form | {"do": "execute", "hash": "0" * 64})
    assert f"提交的 SHA-256 不是 {proposal_id} 的" in page_text(in_chinese)


async def test_a_double_click_asks_once(server: RunningService, comes: Comes) -> None:
    fay = await comes("fay")
    form = next(form for form in (await fay.read(RURAL)).forms if "campaign.fund" in form["action"])
    sent = form | {"do": "execute", "amount_minor": "1", "reference": "twice"}
    first, again = [await fay.send_form(form["action"], sent, follow_redirects=False) for _ in range(2)]
    assert [first.status, again.status] == [303, 303]
    assert first.headers["Location"] == again.headers["Location"]
    assert await server.service.pool.fetchval("SELECT count(*) FROM proposals") == 1
    other = await fay.send_form(form["action"], sent | {"amount_minor": "2"})
    assert (other.status, next(f for f in other.forms if "key" in f)["key"] != form["key"]) == (409, True)


async def test_every_fault_stands_beside_its_field(comes: Comes) -> None:
    cat = await comes("cat")
    wrong = {
        "campaign__slug": "No Such",
        "campaign__ends_at": f"{NEXT_YEAR}-02-01T00:00",
        "terms__daily_cap_minor": "1.005",
        "terms__rate__per_likes": "none",
        "terms__beneficiaries__0__share_bp": "70",
    }
    page = await filled_in(cat, "execute", **wrong)
    assert page.status == 422
    for path in ("campaign-slug", "campaign-ends_at", "terms-daily_cap_minor", "terms-rate-per_likes"):
        assert f'href="#f-{path}"' in page.text, path
        assert f'id="f-{path}-fault"' in page.text, path
        assert 'aria-invalid="true"' in page.text.partition(f'id="f-{path}"')[2].partition(">")[0], path
    assert 'value="1.005"' in page.text
    assert "The shares add up to 70%. They must add up to 100%." in page_text(page)


async def test_a_row_is_added_and_removed_without_a_script(comes: Comes) -> None:
    cat = await comes("cat")
    more = await filled_in(cat, "add.terms.beneficiaries")
    form = next(form for form in more.forms if "key" in form)
    assert (form["terms.beneficiaries.0.charity"], form["terms.beneficiaries.1.charity"]) == ("trees", "")
    less = await cat.send_form(
        NEW, form | {"terms.beneficiaries.1.charity": "bees", "do": "remove.terms.beneficiaries.0"}
    )
    form = next(form for form in less.forms if "key" in form)
    assert (form["terms.beneficiaries.0.charity"], "terms.beneficiaries.1.charity" in form) == ("bees", False)
    for hostile in (
        "add.nothing",
        "remove.terms.beneficiaries.x",
        "remove.terms.beneficiaries.99",
        "remove.",
        "add.",
    ):
        assert (await filled_in(cat, hostile)).status == 200, hostile


async def test_new_terms_begin_with_what_is_in_force(dsn: str) -> None:
    async with (
        running_service(dsn, promise(campaign=next_year(utc_now()))) as server,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
    ):
        await create_tokens(server.service.pool)
        cat = BrowserClient(server, http)
        await cat.sign_in("cat")
        page = await cat.submit_form(f"{RURAL}/terms?lang=en", "check", terms__rate__amount_minor="0.02")
        assert (
            "higher rate per like" in page_text(page),
            "CN¥0.02" in page_text(page),
            'class="chart"' in page.text,
        ) == (
            False,
            True,
            True,
        )
        response = await cat.submit_form(f"{RURAL}/terms?lang=en", terms__rate__amount_minor="0.02")
        assert "higher rate per like" in page_text(response)


async def test_what_is_not_there_is_told(comes: Comes) -> None:
    olga = await comes("olga")
    for path in (
        "campaigns/none",
        "settlements/none",
        "payouts/none",
        "do/settlement.approve/none",
        "proposals/none",
        "do/none",
        "do/campaign.fund/none",
        "answers/none",
        "none",
        "none.csv",
    ):
        assert (await olga.read(f"/admin/{path}")).status == 404, path


async def test_a_secret_is_on_its_page_alone(server: RunningService, comes: Comes) -> None:
    olga = await comes("olga")
    form = next(form for form in (await olga.read("/admin/do/token.create?lang=en")).forms if "key" in form)
    page = await olga.send_form(
        form["action"], form | {"name": "nina", "role": "finance", "do": "execute"}, follow_redirects=False
    )
    assert (page.status, "Location" in page.headers, "llt_" in page.text) == (200, False, True)
    again = await olga.send_form(form["action"], form | {"name": "nina", "role": "finance", "do": "execute"})
    assert "llt_" not in again.text
    assert "nina" in page_text(await olga.read("/admin/tokens?lang=en"))


async def test_hostile_words_stay_words(server: RunningService, comes: Comes) -> None:
    cat, carl, olga = [await comes(name) for name in ("cat", "carl", "olga")]
    texts = {"campaign__title__en": HOSTILE, "campaign__title__zh": HOSTILE, "campaign__sponsor": HOSTILE}
    pages = [await filled_in(cat, do, **texts) for do in ("check", "preview", "execute")]
    proposal_id = await server.service.pool.fetchval("SELECT proposal_id FROM proposals")
    pages.append(await carl.read(f"/admin/proposals/{proposal_id}"))
    await carl.send_form(pages[-1].forms[1]["action"], pages[-1].forms[1] | {"do": "execute"})
    pages += [
        await olga.read(f"/admin{path}") for path in ("", "/campaigns", "/campaigns/forest", "/audit", "/proposals")
    ]
    for page in pages:
        assert page.status == 200
        assert ("<script>" in page.text, '"onload=' in page.text.replace("&#34;", "")) == (False, False)
    assert sum("alert(1)" in page.text for page in pages) >= 6


async def test_the_audit_is_filtered_paged_and_saved(server: RunningService, comes: Comes) -> None:
    fay, al = await comes("fay"), await comes("al")
    for number in range(3):
        await fay.submit_form(
            "/admin/do/campaign.fund/rural-education", amount_minor=str(number + 1), reference=f"={number}"
        )
    page = await al.read("/admin/audit?by=fay&limit=2&lang=en")
    assert (page.text.count('<tr class="more">'), "Next page" in page.text) == (2, True)
    assert (await al.read("/admin/audit?since=yesterday")).status == 422
    saved = await al.read("/admin/audit.csv?by=fay")
    assert (saved.headers["Content-Type"].split(";")[0], saved.text.count("proposal.create")) == ("text/csv", 3)


async def test_a_platform_is_added_and_its_secret_rotated(server: RunningService, comes: Comes) -> None:
    olga = await comes("olga")
    form = next(form for form in (await olga.read("/admin/do/platform.add?lang=en")).forms if "key" in form)
    added = await olga.send_form(form["action"], form | {"name": "films", "do": "execute"})
    assert "whsec_" in added.text
    page = await olga.read("/admin/platforms?lang=en")
    assert ("films" in page_text(page), "/admin/do/platform.rotate/films" in page.text) == (True, True)
    rotated = await olga.submit_form("/admin/do/platform.rotate/films?lang=en")
    assert ("whsec_" in rotated.text, rotated.url.startswith("/admin/do/")) == (True, True)


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ("Skipped parts 1", "Entry 1 is not booked (PDNG).")),
        ("zh", ("跳过的部分 1", "第 1 笔尚未入账（PDNG）。")),
    ],
)
async def test_an_imported_file_shows_its_counts_and_what_was_skipped(
    comes: Comes, language: str, sentences: tuple[str, str]
) -> None:
    fay = await comes("fay")
    page = await fay.read(f"/admin/do/statement.import?lang={language}")
    form = next(form for form in page.forms if "key" in form)
    pending = Report((Entry("1.00", status="PDNG"),), balance("OPBD", "1") + balance("CLBD", "1"))
    upload = {"content": BytesIO(CamtDocument((pending,)).valid_body()), "do": "execute"}
    page = await fay.send_form(form["action"], form | upload)
    assert page.status == 200
    assert all(sentence in page_text(page) for sentence in sentences)
