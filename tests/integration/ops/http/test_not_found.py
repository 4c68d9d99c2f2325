"""A 404 names what is missing: by a code in JSON, by a sentence in the reader's language on a page."""

from collections.abc import AsyncIterator

import pytest

from running_service import SLUG, RunningService, running_service

MISSING = {
    "/v1/campaigns/forest": "campaign_not_found",
    "/v1/campaigns/forest/totals": "campaign_not_found",
    "/v1/campaigns/forest/days.csv": "campaign_not_found",
    "/v1/campaigns/forest/stream": "campaign_not_found",
    "/v1/receipts/abc": "receipt_not_found",
    "/log/tile/0/999": "tile_not_found",
    "/log/tile/x/y": "tile_not_found",
    "/log/schemas/none.json": "schema_not_found",
    "/site/none.css": "file_not_found",
    "/campaigns/forest": "campaign_not_found",
    f"/campaigns/{SLUG}/payouts/pay_1": "payout_not_found",
    "/v1/nothing": "not_found",
    "/metrics": "not_found",
}


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as running:
        yield running


async def test_a_problem_has_a_code_for_what_is_missing(service: RunningService) -> None:
    for path, code in MISSING.items():
        answer = await service.get(path)
        assert (answer.status, answer.json["code"]) == (404, code), path
        if path.startswith("/v1/campaigns"):
            assert answer.json["params"] == {"slug": "forest"}
            assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("path", "zh", "en"),
    [
        ("/campaigns/forest", "没有名为 forest 的活动。", "There is no campaign forest."),
        (f"/campaigns/{SLUG}/payouts/pay_1", "没有付款 pay_1。", "There is no payout pay_1."),
    ],
)
async def test_a_page_says_what_is_missing_in_both_languages(
    service: RunningService, path: str, zh: str, en: str
) -> None:
    for language, sentence in (("zh", zh), ("en", en)):
        page = await service.get(f"{path}?lang={language}", Accept="text/html")
        assert (page.status, sentence in page.body.decode()) == (404, True)


async def test_a_long_name_is_cut(service: RunningService) -> None:
    answer = await service.get("/v1/campaigns/" + "x" * 5_000)
    assert (answer.status, len(answer.body) < 1_000) == (404, True)
