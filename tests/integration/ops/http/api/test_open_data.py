"""The public API on a real service: equal figures everywhere, validators, CORS, strict queries."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from fractions import Fraction
from typing import Any

import jsonschema
import pytest

from campaigns.catalogue.account_mask import mask_accounts
from ops.http.core import snapshots
from ops.http.endpoints import document
from running_service import DAY, SLUG, RunningService, like, promise, running_service

CAMPAIGN = f"/v1/campaigns/{SLUG}"
FIGURES = [
    "/v1/totals",
    "/v1/campaigns",
    CAMPAIGN,
    *(f"{CAMPAIGN}/{name}" for name in ("totals", "days", "waterfall")),
]
OTHERS = [f"{CAMPAIGN}/{name}" for name in ("days.csv", "settlements", "settlements.csv")]
CAPPED = {"daily_cap_minor": 2, "likes_per_person_per_day": 2}


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(snapshots, "_PAUSE_FACTOR", 0)


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn) as running:
        yield running


async def send_likes_of_every_outcome(service: RunningService) -> None:
    """Send likes with every outcome on two days."""
    later = DAY + timedelta(days=1)
    await service.send([like(str(n)) for n in range(10)])
    await service.send(
        [like("0"), like("1", action="unlike", at=later), like("2", "b"), like("2", "c"), like("2", "d")]
    )
    await service.send([like("9", "z", at=later), like("1", at=DAY - timedelta(days=30))])
    await service.tick()


async def test_the_same_totals_by_every_route(dsn: str) -> None:
    async with running_service(dsn, promise(terms=CAPPED)) as service:
        await send_likes_of_every_outcome(service)
        totals = (await service.get(f"{CAMPAIGN}/totals")).json
        days = (await service.get(f"{CAMPAIGN}/days")).json["days"]
        steps = {step["step"]: step for step in (await service.get(f"{CAMPAIGN}/waterfall")).json["steps"]}
        table = list(csv.DictReader(io.StringIO((await service.get(f"{CAMPAIGN}/days.csv")).body.decode())))
        copies = [
            (await service.get("/v1/totals")).json["campaigns"][0],
            (await service.get(CAMPAIGN)).json["totals"],
        ]
        page = (await service.get(f"/campaigns/{SLUG}?lang=en")).body.decode()
    assert [{**copy, "as_of": None} for copy in copies] == [{**totals, "as_of": None}] * 2
    counted = totals["likes"]["counted"]
    assert counted == sum(day["counted"] for day in days) == sum(int(row["counted"]) for row in table) == 11
    assert counted == int(steps["counted"]["likes"]["exact"])
    earned = sum(Fraction(day["earned"]["exact_minor"]) for day in days)
    assert days[-1]["earned_so_far"]["exact_minor"] == table[-1]["earned_so_far_exact_minor"] == str(earned)
    assert totals["money"]["pledged"]["minor"] == int(earned) == int(steps["pledged"]["money"]["exact_minor"]) == 2
    assert totals["likes"] == {
        "counted": 11, "duplicate": 1, "withdrawn": 1, "quarantined": 0, "void": 0, "low_quality": 0,
        "over_limit": 2,
    }  # fmt: skip
    assert f"<strong>CN¥{totals['money']['pledged']['text']}</strong>" in page


async def test_the_waterfall_adds_up_and_has_every_like_received(dsn: str) -> None:
    async with running_service(dsn, promise(terms=CAPPED)) as service:
        await send_likes_of_every_outcome(service)
        steps = (await service.get(f"{CAMPAIGN}/waterfall")).json["steps"]
    assert int(steps[0]["likes"]["exact"]) == 16  # unlikes are not in it
    for unit, key in (("likes", "exact"), ("money", "exact_minor")):
        running_total = Fraction(steps[0][unit][key])
        for step in steps[1:]:
            if step["kind"] == "total":
                assert Fraction(step[unit][key]) == running_total, step["step"]
            else:
                running_total += Fraction(step[unit][key])


async def test_a_campaign_without_a_like_shows_zeros(service: RunningService) -> None:
    totals = (await service.get(f"{CAMPAIGN}/totals")).json
    assert set(totals["likes"].values()) == {0}
    assert totals["money"]["funded"] == totals["money"]["remaining"] == {"minor": 700_000, "text": "7000.00"}
    assert (totals["people"], totals["people_as_of"], totals["budget_reached"]) == (0, None, False)
    assert (totals["unsettled"]["minor"], totals["next_settlement"]) == (0, None)  # settled by hand only
    days = (await service.get(f"{CAMPAIGN}/days")).json["days"]
    assert [day["day"] for day in days] == [f"2022-04-{n:02}" for n in range(8, 22)]
    assert {day["counted"] for day in days} == {0}
    assert all(step["likes"]["exact"] == "0" for step in (await service.get(f"{CAMPAIGN}/waterfall")).json["steps"])


async def test_the_number_of_people_has_its_own_as_of(service: RunningService) -> None:
    await service.send([like("1"), like("1", "b"), like("2")])
    await service.tick()
    await service.service.pool.execute("INSERT INTO people_counts SELECT campaign_id, 2, now() FROM campaigns")
    totals = (await service.get(f"{CAMPAIGN}/totals")).json
    assert (totals["people"], totals["people_as_of"] <= totals["as_of"]) == (2, True)


async def test_budget_reached_is_true_from_the_like_that_reaches_it(dsn: str) -> None:
    async with running_service(dsn, funded_minor=2) as service:
        for likes, is_reached in ((range(5), False), (range(5, 6), True), (range(6, 9), True)):
            await service.send([like(str(n)) for n in likes])
            await service.tick()
            assert (await service.get(f"{CAMPAIGN}/totals")).json["budget_reached"] is is_reached
        steps = {s["step"]: s for s in (await service.get(f"{CAMPAIGN}/waterfall")).json["steps"]}
    assert (steps["over_budget"]["likes"]["exact"], steps["pledged"]["money"]["exact_minor"]) == ("-3", "2")


@pytest.mark.parametrize(("currency", "text"), [("JPY", "3"), ("KWD", "0.003"), ("CNY", "0.03")])
async def test_each_currency_has_its_own_digits(dsn: str, currency: str, text: str) -> None:
    async with running_service(dsn, promise(campaign={"currency": currency})) as service:
        await service.send([like(str(n)) for n in range(9)])
        await service.tick()
        assert (await service.get(f"{CAMPAIGN}/totals")).json["money"]["pledged"] == {"minor": 3, "text": text}
        assert (await service.get(f"{CAMPAIGN}/days")).json["days"][2]["earned"] == {"exact_minor": "3", "text": text}


async def test_the_promise_is_published_but_for_account_numbers(service: RunningService) -> None:
    published = (await service.get(CAMPAIGN)).json
    created = json.loads(promise().model_dump_json(exclude_none=True))
    assert (published["campaign"], published["settlement"]) == (created["campaign"], created["settlement"])
    assert published["terms"] == [{"version": 1, "from_day": "2022-04-08", "terms": mask_accounts(created["terms"])}]
    [first, _] = published["terms"][0]["terms"]["beneficiaries"]
    assert first["account"] == {"scheme": "other", "id": "…3445"}
    assert (published["agreement"], published["closed_at"]) == (None, None)


async def test_each_response_fits_its_schema(service: RunningService) -> None:
    await send_likes_of_every_outcome(service)
    for path in FIGURES:
        await assert_fits_schema(service, path)


async def assert_fits_schema(service: RunningService, path: str) -> None:
    openapi = json.loads(json.dumps(document()))
    operation = openapi["paths"][path.replace(SLUG, "{slug}")]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    components = json.loads(json.dumps(openapi["components"]), object_hook=_forbid_extra_members)
    body = (await service.get(path)).json
    jsonschema.Draft202012Validator({**schema, "components": components}).validate(body)


def _forbid_extra_members(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that rejects members which the document does not describe."""
    return {**schema, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else schema


async def test_a_reader_with_the_current_figures_gets_304(service: RunningService) -> None:
    for path in [*FIGURES, *OTHERS, "/openapi.json"]:
        await assert_conditional(service, path)


async def assert_conditional(service: RunningService, path: str) -> None:
    tag = (await service.get(path)).headers["ETag"]
    for matching in (tag, f'"other", {tag}', "*", tag.removeprefix("W/")):
        again = await service.get(path, **{"If-None-Match": matching})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
        assert "max-age" in again.headers["Cache-Control"]
    for other in ('"other"', "", "nonsense", 'W/"', '"' * 99):
        assert (await service.get(path, **{"If-None-Match": other})).status == 200


async def test_new_figures_have_a_new_tag(service: RunningService) -> None:
    before = {path: (await service.get(path)).headers["ETag"] for path in FIGURES}
    await service.send([like("1"), like("2"), like("3")])
    await service.tick()
    for path, tag in before.items():
        after = await service.get(path, **{"If-None-Match": tag})
        assert (after.status, after.headers["ETag"] == tag) == (200, False), path


async def test_any_web_page_may_read(service: RunningService) -> None:
    for path in [*FIGURES, *OTHERS, "/openapi.json"]:
        await assert_cross_origin(service, path)


async def assert_cross_origin(service: RunningService, path: str) -> None:
    assert (await service.get(path, Origin="https://elsewhere.example")).headers["Access-Control-Allow-Origin"] == "*"
    async with service.http.options(service.url + path) as preflight:
        assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert "If-None-Match" in preflight.headers["Access-Control-Allow-Headers"]
    async with service.http.head(service.url + path) as head:
        assert (head.status, "ETag" in head.headers, await head.read()) == (200, True, b"")


async def test_an_unknown_parameter_is_refused(service: RunningService) -> None:
    for path in [*FIGURES, *OTHERS]:
        answer = await service.get(f"{path}?from=2022-04-08&campaign=x")
        assert (answer.status, answer.json["code"]) == (400, "unknown_parameter"), path
        assert [(fault["path"], fault["code"]) for fault in answer.json["faults"]] == [
            ("campaign", "unknown_parameter"),
            ("from", "unknown_parameter"),
        ]


MISSING_PATHS = [
    "/v1/campaigns/nobody",
    "/v1/campaigns/nobody/totals",
    "/v1/campaigns/nobody/days.csv",
    "/v1/nothing",
    "/log/tile/0/000",
    "/v1/campaigns/nobody/stream",
    "/v1/receipts/x",
    f"{CAMPAIGN}/totals/",
]


async def test_a_missing_path_is_a_problem(service: RunningService) -> None:
    for path in MISSING_PATHS:
        answer = await service.get(path, Accept="text/html")
        assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json"), path


@pytest.mark.parametrize(("name", "rows"), [("days", 14), ("settlements", 0)])
async def test_tables_are_files_with_a_header(service: RunningService, name: str, rows: int) -> None:
    answer = await service.get(f"{CAMPAIGN}/{name}.csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{SLUG}-{name}.csv"'
    assert answer.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    table = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert (len(table), answer.body.startswith(b"campaign,")) == (rows, True)


async def test_a_new_campaign_has_no_settlements(service: RunningService) -> None:
    assert (await service.get(f"{CAMPAIGN}/settlements")).json["settlements"] == []
