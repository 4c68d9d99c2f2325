"""Like files line by line: exact values, and the reason for each bad line."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.replay.formats import LINE_BYTES_MAX, BadLine, Format, Like, UnknownFormat, read_likes

HEADER = (
    "user_id,video_id,time_ms,play_time_ms,duration_ms,"
    "comment_stay_time,is_follow,is_comment,is_forward,is_profile_enter"
)
ROW = "4854,3431182,1649346288441,19435,18983,0,0,1,0,0"
LIKE = '{"action":"like","content":"c","person":"p","event_at":"2022-04-10T04:00:00Z"}'


def kuairand(text: str) -> list[Like | BadLine]:
    return list(read_likes(Format.KUAIRAND, io.BytesIO(text.encode()), "books"))


def ndjson(raw: bytes | str) -> list[Like | BadLine]:
    file = io.BytesIO(raw if isinstance(raw, bytes) else raw.encode())
    return list(read_likes(Format.NDJSON, file, "books"))


def describe_items(items: list[Like | BadLine]) -> list[str]:
    return [str(item) if isinstance(item, BadLine) else f"line {item.line} is a like" for item in items]


def sent_json(item: Like | BadLine) -> Any:
    assert isinstance(item, Like), item
    return json.loads(item.json)


def test_a_kuairand_row_becomes_the_intakes_like():
    [item] = kuairand(f"{HEADER}\n{ROW}\n")
    assert sent_json(item) == {
        "action": "like",
        "content": "3431182",
        "person": "4854",
        "event_at": "2022-04-07T15:44:48.441000Z",
        "campaign": "books",
        "signals": {
            "watch_ms": 19435,
            "duration_ms": 18983,
            "followed": False,
            "commented": True,
            "shared": False,
        },
    }
    assert item[:2] == (2, datetime(2022, 4, 7, 15, 44, 48, 441_000, tzinfo=UTC))


def test_milliseconds_are_exact_far_from_today():
    [item] = kuairand(f"{HEADER}\n{ROW.replace('1649346288441', '253402300799999')}\n")
    assert sent_json(item)["event_at"] == "9999-12-31T23:59:59.999000Z"


def test_the_columns_may_have_another_order():
    names, values = HEADER.split(","), ROW.split(",")
    turned = f"{','.join(reversed(names))}\n{','.join(reversed(values))}\n"
    assert [sent_json(item) for item in kuairand(turned)] == [
        sent_json(item) for item in kuairand(f"{HEADER}\n{ROW}\n")
    ]


def test_rows_that_are_not_likes_are_skipped():
    items = kuairand(f"{HEADER},is_like,tab\n{ROW},0,1\n{ROW},1,1\n")
    assert describe_items(items) == ["line 3 is a like"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,2,3", "3 columns, but the header has 10"),
        (f"{ROW},1", "11 columns, but the header has 10"),
        (ROW.replace("1649346288441", "1649346288.441"), "time_ms: not a whole number of at most 18 digits"),
        (ROW.replace("1649346288441", ""), "time_ms: not a whole number of at most 18 digits"),
        (ROW.replace("1649346288441", "999999999999999999"), "time_ms: out of range"),
        (ROW.replace("4854", "-4854"), "user_id: not a whole number of at most 18 digits"),
        (ROW.replace("19435", "٣"), "play_time_ms: not a whole number of at most 18 digits"),
        (ROW.replace(",0,1,0,0", ",2,1,0,0"), "is_follow: neither 0 nor 1"),
        (ROW.replace("4854", '"4854"'), "user_id: not a whole number of at most 18 digits"),
    ],
)
def test_a_malformed_row_is_reported_with_its_reason(row: str, reason: str):
    items = kuairand(f"{HEADER}\n{ROW}\n{row}\n{ROW}\n")
    assert describe_items(items) == ["line 2 is a like", f"line 3: {reason}", "line 4 is a like"]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "line 1: the file is empty; a header was expected"),
        (f"{HEADER},mood\n", "line 1: unknown column 'mood'"),
        (HEADER.replace("time_ms,play", "play") + "\n", "line 1: missing column 'time_ms'"),
        (f"{HEADER},user_id\n", "line 1: a column is repeated"),
        (f"{ROW}\n", "line 1: unknown column '4854'"),
        (HEADER[:30], "line 1: unknown column 'play_'"),
    ],
)
def test_another_header_is_refused(header: str, reason: str):
    with pytest.raises(UnknownFormat) as refusal:
        kuairand(header)
    assert str(refusal.value) == reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"like!", "not JSON"),
        (b"[]", "Input should be an object"),
        (LIKE.replace('"like"', '"love"').encode(), "action: Input should be 'like' or 'unlike'"),
        (LIKE.replace('"person":"p",', "").encode(), "person: Field required"),
        (LIKE.replace('"p"', "7").encode(), "person: Input should be a valid string"),
        (LIKE.replace("}", ',"mood":1}').encode(), "mood: Extra inputs are not permitted"),
        (LIKE.replace('"c"', '"\\u0000"').encode(), None),
        (LIKE.replace("00Z", "00").encode(), "event_at: Input should have timezone info"),
        (b'"\xff"', "not UTF-8"),
        (b"x" * (3 * LINE_BYTES_MAX + 7), f"longer than {LINE_BYTES_MAX} bytes"),
        (b"[" * 10_000, "not JSON"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_malformed_ndjson_line_is_reported_and_the_next_is_read(raw: bytes, reason: str | None):
    first, bad, last = ndjson(LIKE.encode() + b"\n" + raw + b"\n" + LIKE.encode())
    assert (sent_json(first), bad.line, sent_json(last)) == (sent_json(last), 2, sent_json(first))
    assert isinstance(bad, BadLine)
    assert reason in (None, bad.reason)


def test_a_bad_lines_content_is_not_shown():
    assert "secret-person" not in str(ndjson(LIKE.replace('"p"', '{"x":"secret-person"}')))


@pytest.mark.parametrize("length", range(1, len(LIKE)))
def test_a_file_truncated_anywhere_in_a_line_is_reported(length: int):
    descriptions = describe_items(ndjson(f"{LIKE}\n{LIKE[:length]}"))
    assert descriptions == ["line 1 is a like", "line 2: the file is truncated here: not JSON"]


@pytest.mark.parametrize("length", range(1, len(ROW)))
def test_a_table_truncated_anywhere_in_a_row_is_reported(length: int):
    descriptions = describe_items(kuairand(f"{HEADER}\n{ROW}\n{ROW[:length]}"))
    assert descriptions[1].startswith("line 3: the file is truncated here: ")


@pytest.mark.parametrize("text", [f"{LIKE}", f"{LIKE}\r\n", f"\ufeff{LIKE}\n", f"\n{LIKE}\n\n"])
def test_endings_and_empty_lines_make_no_difference(text: str):
    assert [sent_json(item) for item in ndjson(text)] == [sent_json(item) for item in ndjson(f"{LIKE}\n")]


def test_a_lines_campaign_is_preserved():
    assert sent_json(ndjson(LIKE.replace("}", ',"campaign":"trees"}'))[0])["campaign"] == "trees"


def test_an_endless_file_is_read_incrementally():
    class Endless(io.RawIOBase):
        def readline(self, _size: int | None = -1, /) -> bytes:
            return f"{LIKE}\n".encode()

    items: Iterator[Like | BadLine] = read_likes(Format.NDJSON, Endless(), "books")  # type: ignore[arg-type]
    assert [next(items).line for _ in range(3)] == [1, 2, 3]
