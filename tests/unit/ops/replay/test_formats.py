"""Files of likes, line by line: what is read exactly, and what each bad line says of itself."""

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


def told(found: list[Like | BadLine]) -> list[str]:
    return [str(item) if isinstance(item, BadLine) else f"line {item.line} is a like" for item in found]


def sent(item: Like | BadLine) -> Any:
    assert isinstance(item, Like), item
    return json.loads(item.json)


def test_a_kuairand_row_becomes_the_intakes_like():
    [found] = kuairand(f"{HEADER}\n{ROW}\n")
    assert sent(found) == {
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
    assert found[:2] == (2, datetime(2022, 4, 7, 15, 44, 48, 441_000, tzinfo=UTC))


def test_milliseconds_are_exact_far_from_today():
    [found] = kuairand(f"{HEADER}\n{ROW.replace('1649346288441', '253402300799999')}\n")
    assert sent(found)["event_at"] == "9999-12-31T23:59:59.999000Z"


def test_the_columns_may_stand_in_another_order():
    names, values = HEADER.split(","), ROW.split(",")
    turned = f"{','.join(reversed(names))}\n{','.join(reversed(values))}\n"
    assert [sent(item) for item in kuairand(turned)] == [sent(item) for item in kuairand(f"{HEADER}\n{ROW}\n")]


def test_rows_of_the_whole_log_that_are_no_likes_are_passed_over():
    found = kuairand(f"{HEADER},is_like,tab\n{ROW},0,1\n{ROW},1,1\n")
    assert told(found) == ["line 3 is a like"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,2,3", "3 columns where the header has 10"),
        (f"{ROW},1", "11 columns where the header has 10"),
        (ROW.replace("1649346288441", "1649346288.441"), "time_ms: not a whole number of at most 18 digits"),
        (ROW.replace("1649346288441", ""), "time_ms: not a whole number of at most 18 digits"),
        (ROW.replace("1649346288441", "999999999999999999"), "time_ms: beyond the calendar"),
        (ROW.replace("4854", "-4854"), "user_id: not a whole number of at most 18 digits"),
        (ROW.replace("19435", "٣"), "play_time_ms: not a whole number of at most 18 digits"),
        (ROW.replace(",0,1,0,0", ",2,1,0,0"), "is_follow: neither 0 nor 1"),
        (ROW.replace("4854", '"4854"'), "user_id: not a whole number of at most 18 digits"),
    ],
)
def test_a_row_that_is_no_like_says_why(row: str, reason: str):
    found = kuairand(f"{HEADER}\n{ROW}\n{row}\n{ROW}\n")
    assert told(found) == ["line 2 is a like", f"line 3: {reason}", "line 4 is a like"]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "line 1: the file is empty, where a header was expected"),
        (f"{HEADER},mood\n", "line 1: unknown column 'mood'"),
        (HEADER.replace("time_ms,play", "play") + "\n", "line 1: missing column 'time_ms'"),
        (f"{HEADER},user_id\n", "line 1: a column is named twice"),
        (f"{ROW}\n", "line 1: unknown column '4854'"),
        (HEADER[:30], "line 1: unknown column 'play_'"),
    ],
)
def test_a_header_that_is_not_the_data_sets_is_refused(header: str, reason: str):
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
def test_an_ndjson_line_that_is_no_like_says_why_and_the_next_is_read(raw: bytes, reason: str | None):
    first, bad, last = ndjson(LIKE.encode() + b"\n" + raw + b"\n" + LIKE.encode())
    assert (sent(first), bad.line, sent(last)) == (sent(last), 2, sent(first))
    assert isinstance(bad, BadLine)
    assert reason in (None, bad.reason)


def test_what_a_bad_line_held_is_not_told():
    assert "secret-person" not in str(ndjson(LIKE.replace('"p"', '{"x":"secret-person"}')))


@pytest.mark.parametrize("kept", range(1, len(LIKE)))
def test_a_file_that_breaks_off_anywhere_in_a_line_says_so(kept: int):
    found = told(ndjson(f"{LIKE}\n{LIKE[:kept]}"))
    assert found == ["line 1 is a like", "line 2: the file breaks off here: not JSON"]


@pytest.mark.parametrize("kept", range(1, len(ROW)))
def test_a_table_that_breaks_off_anywhere_in_a_row_says_so(kept: int):
    found = told(kuairand(f"{HEADER}\n{ROW}\n{ROW[:kept]}"))
    assert found[1].startswith("line 3: the file breaks off here: ")


@pytest.mark.parametrize("written", [f"{LIKE}", f"{LIKE}\r\n", f"\ufeff{LIKE}\n", f"\n{LIKE}\n\n"])
def test_endings_and_empty_lines_make_no_difference(written: str):
    assert [sent(item) for item in ndjson(written)] == [sent(item) for item in ndjson(f"{LIKE}\n")]


def test_a_line_keeps_the_campaign_that_it_names():
    assert sent(ndjson(LIKE.replace("}", ',"campaign":"trees"}'))[0])["campaign"] == "trees"


def test_a_file_without_end_is_read_as_it_comes():
    class Endless(io.RawIOBase):
        def readline(self, _size: int | None = -1, /) -> bytes:
            return f"{LIKE}\n".encode()

    found: Iterator[Like | BadLine] = read_likes(Format.NDJSON, Endless(), "books")  # type: ignore[arg-type]
    assert [next(found).line for _ in range(3)] == [1, 2, 3]
