"""The promise in words, from the object that the engine uses."""

from dataclasses import replace

import pytest

from ledger.accounting.balances import CampaignBalances
from ops.http.openapi import examples
from ops.http.web.promise_view import cron_text, promise_rows
from ops.i18n.language import TEXTS, Language


def rows(language: Language) -> dict[str, list[str]]:
    return {row.key: row.texts for row in promise_rows(examples.example_snapshot(), language)}


def test_in_english() -> None:
    assert rows("en") == {
        "rate": ["CN¥0.01 for every 3 likes"],
        "dates": ["8 April 2022 to 21 April 2022, inclusive (Asia/Shanghai)"],
        "floor": ["no minimum"],
        "most": ["CN¥7,000.00, the funded budget"],
        "cap": ["CN¥5.00"],
        "limit": ["up to 20 likes count"],
        "unlike": ["it no longer counts"],
        "beneficiaries": ["Village Schools Fund 70%", "Mobile Libraries 30%"],
        "settles": ["every Monday at 03:00", "likes are reviewed for at least 3 days before they are settled"],
    }


def test_in_chinese() -> None:
    assert rows("zh")["rate"] == ["每 3 个赞 ¥0.01"]
    assert rows("zh")["beneficiaries"] == ["乡村小学基金 70%", "流动图书馆 30%"]


def test_each_row_has_a_name() -> None:
    assert {f"promise_{key}" for key in rows("en")} <= set(TEXTS)


def test_what_was_not_funded_is_not_promised() -> None:
    unfunded = replace(examples.example_snapshot(), balances=CampaignBalances())
    assert {row.key: row.texts for row in promise_rows(unfunded, "en")}["most"] == [TEXTS["not_funded"]["en"]]


@pytest.mark.parametrize(
    ("cron", "english", "chinese"),
    [
        ("0 3 * * mon", "every Monday at 03:00", "每星期一 03:00"),
        ("30 14 * * *", "every day at 14:30", "每天 14:30"),
        ("5 0 1 * *", "on day 1 of each month at 00:05", "每月 1 日 00:05"),
        ("0 3 * * mon,thu", "by the schedule 0 3 * * mon,thu", "按时间表 0 3 * * mon,thu"),
        ("*/5 * * * *", "by the schedule */5 * * * *", "按时间表 */5 * * * *"),
        ("0 3 1 jan *", "by the schedule 0 3 1 jan *", "按时间表 0 3 1 jan *"),
        ("nonsense", "by the schedule nonsense", "按时间表 nonsense"),
    ],
)
def test_schedules(cron: str, english: str, chinese: str) -> None:
    assert (cron_text(cron, "en"), cron_text(cron, "zh")) == (english, chinese)
