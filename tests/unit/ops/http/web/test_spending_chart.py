"""The drawing of a preview and the part of a page that shows it: whole, in bounds, and in both languages."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import jinja2
import pytest

from campaigns.catalogue.apply_promise import Plan, PromiseAction
from campaigns.pledging.waterfall import DayCount
from campaigns.preview.context import Note, PreviewResult
from campaigns.preview.simulation import BindingCap, Preview, simulate_promise
from campaigns.promise.model import engine_terms
from campaigns.promise.terms import Share, Terms
from ops.http.web.likes_chart import BARS_MAX, HEIGHT, LEFT, WIDTH
from ops.http.web.preview_view import build_preview_panel, format_level
from ops.http.web.spending_chart import draw_spending_chart
from ops.i18n import formats
from ops.i18n.language import SITE, Language, translate
from promises import promise

FIRST = date(2026, 11, 1)


def simulate(likes: Sequence[int], funded_minor: int, cap_minor: int | None = None) -> Preview:
    terms = Terms(1, FIRST, 1, 1, cap_minor, shares=(Share("schools", 10_000),))
    counts = {FIRST + timedelta(days=n): DayCount(counted=number) for n, number in enumerate(likes)}
    return simulate_promise([terms], counts, funded_minor)


@pytest.mark.parametrize("count", [1, 2, 3, 92, 93, 366, 3_660])
def test_any_number_of_days_fits(count: int):
    simulated = simulate(range(count), 10**9, count)
    chart = draw_spending_chart(simulated)
    assert len(chart.bars) <= BARS_MAX
    assert len(chart.bars) * chart.days_per_bar >= count
    assert sum(bar.spent_minor for bar in chart.bars) == simulated.due_minor
    for bar in chart.bars:
        assert bar.x >= LEFT
        assert bar.x + bar.width <= WIDTH
        assert 0 <= bar.y <= HEIGHT
        assert bar.cap_y is None or 0 <= bar.cap_y <= HEIGHT
    points = [tuple(map(int, pair.replace(".", "").split(","))) for pair in chart.running_total.points.split()[1:]]
    assert points == sorted(points, key=lambda point: (point[0], -point[1]))  # it never falls


def test_each_bar_says_which_cap_binds_it():
    chart = draw_spending_chart(simulate([10, 60, 60, 60], 120, 50))
    assert [bar.binds for bar in chart.bars] == [
        BindingCap.NONE,
        BindingCap.DAILY_CAP,
        BindingCap.DAILY_CAP,
        BindingCap.BUDGET,
    ]
    assert chart.binding_kinds == [BindingCap.NONE, BindingCap.DAILY_CAP, BindingCap.BUDGET]
    _, second, _, last = chart.bars
    assert (second.cap_y, last.spent_minor) == (second.y, 10)  # a bar that is bound reaches its cap
    assert chart.running_total.budget_ends_x == round(last.x + last.width, 1)


@pytest.mark.parametrize(
    ("likes", "funded_minor", "cap_minor", "has_caps", "has_budget", "ends"),
    [
        ([10, 10], 1_000, 20, True, False, False),
        ([10, 10], 1_000, 21, False, False, False),  # the cap is too far above the bars to be drawn
        ([10, 10], 40, None, False, True, False),
        ([10, 10], 41, None, False, False, False),
        ([10, 10], 20, None, False, True, True),
        ([10, 10], 0, None, False, True, False),
        ([0, 0], 10, 5, False, False, False),
    ],
)
def test_limits_are_drawn_where_they_can_be_seen(
    likes: list[int], funded_minor: int, cap_minor: int | None, *, has_caps: bool, has_budget: bool, ends: bool
):
    chart = draw_spending_chart(simulate(likes, funded_minor, cap_minor))
    assert chart.has_caps is has_caps
    assert (chart.running_total.budget_y is not None, chart.running_total.budget_ends_x is not None) == (
        has_budget,
        ends,
    )


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(0, "CNY", "0"), (50, "CNY", "0.50"), (50_000, "CNY", "500"), (5_000_000, "CNY", "50K"), (500, "JPY", "500")],
)
def test_a_level_is_short(minor: int, currency: str, text: str):
    assert format_level(minor, currency, "en") == text


def make_preview(likes: Sequence[int], funded_minor: int, *, is_changed: bool = False) -> PreviewResult:
    promised = promise(("floor_minor = 0", "floor_minor = 600"), ("Village Schools", "<b>Village</b> Schools"))
    counts = {FIRST + timedelta(days=n): DayCount(counted=number) for n, number in enumerate(likes)}
    terms, floor_minor = engine_terms(promised.terms, 1, FIRST), promised.campaign.floor_minor
    come = simulate_promise([terms], counts, funded_minor, floor_minor)
    plan = Plan(PromiseAction.CREATE, 1, FIRST, [])
    return PreviewResult(
        promised, plan, come, come if is_changed else None, tuple(Note), datetime(2026, 10, 1, tzinfo=UTC)
    )


def render_part(done: PreviewResult, language: Language) -> str:
    loader = jinja2.FileSystemLoader(SITE / "templates")
    pages = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return str(
        pages.get_template("preview.html").module.preview(  # type: ignore[attr-defined]
            build_preview_panel(done, language),
            lambda key, **words: translate(key, language, **words),
            lambda figure: formats.number(figure, language),
            lambda day: formats.short_day(day, language),
            lambda day: formats.day(day, language),
        )
    )


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("days", "funded_minor"), [(1, 0), (3, 700), (14, 1_200), (400, 50_000)])
def test_the_page_s_part_is_whole_and_told_in_words(language: Language, days: int, funded_minor: int):
    text = render_part(make_preview([1_000 + 40 * n for n in range(days)], funded_minor, is_changed=True), language)
    part = ET.fromstring(text.replace("<br>", "<br/>").replace("<details open>", "<details>"))  # noqa: S314 - our own
    drawings = part.findall(".//svg")
    assert len(drawings) == 2
    ids = {element.get("id") for element in part.iter() if element.get("id")}
    for drawing in drawings:
        assert drawing.get("role") == "img"
        assert set((drawing.get("aria-labelledby") or "").split()) <= ids
        assert all((drawing.findtext(name) or "").strip() for name in ("title", "desc"))
    assert len(part.findall(".//details//tbody/tr")) == days
    assert len(part.findall("ul/li")) == len(Note)
    assert "style=" not in text
    assert "<b>" not in text


def test_the_sentences_of_the_page():
    text = " ".join(render_part(make_preview([1_200, 1_800], 1_000), "en").split())
    assert "CN¥9.00 of CN¥10.00 would be pledged." in text
    assert "CN¥1.00 of the budget would remain at the end." in text
    assert "Of 2 days, the daily cap limits 1 and the budget 0." in text
    assert "300 of 3,000 counted likes would earn nothing." in text
    topped_up = " ".join(render_part(make_preview([1_200], 500), "en").split())
    assert "CN¥1.00 of it would be added to reach the minimum." in topped_up
    assert "CN¥0.00 of the budget would remain at the end." in topped_up
    used = " ".join(render_part(make_preview([1_200, 1_800], 700), "en").split())
    assert "The budget would be used up on 2 November 2026." in used
