"""Likes cut into webhooks: one file always gives the same bytes and ids; bodies stay bounded."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.intake.payload import BODY_BYTES_MAX, parse_body
from ops.replay.batches import Batch, ReadTally, cut_batches, digest_file
from ops.replay.formats import BadLine, Like

NOON = datetime(2022, 4, 10, 4, tzinfo=UTC)


def likes(count: int, content: str = "c") -> Iterator[Like]:
    for n in range(count):
        at = NOON - timedelta(seconds=n)
        event = {"action": "like", "content": content, "person": str(n), "event_at": at.isoformat()}
        yield Like(n + 1, at, json.dumps(event, ensure_ascii=False).encode())


def cut(count: int, size: int, identity: bytes = b"file", **more: Any) -> list[Batch]:
    return list(cut_batches(likes(count, **more), identity, size))


@pytest.mark.parametrize(
    ("count", "size", "sizes"), [(0, 10, []), (1, 1, [1]), (5, 2, [2, 2, 1]), (4, 2, [2, 2]), (3, 1000, [3])]
)
def test_every_like_is_in_one_batch_in_order(count: int, size: int, sizes: list[int]):
    batches = cut(count, size)
    assert [batch.likes for batch in batches] == sizes
    assert [batch.sequence for batch in batches] == list(range(len(sizes)))
    people = [like["person"] for batch in batches for like in json.loads(batch.body)["data"]["likes"]]
    assert people == [str(n) for n in range(count)]
    assert [batch.last_line for batch in batches][-1:] == [count][: len(batches)]


def test_a_body_is_valid_for_the_intake_and_has_its_newest_likes_time():
    [batch] = cut(3, 10)
    assert len(parse_body(batch.body)) == 3
    assert json.loads(batch.body)["timestamp"] == "2022-04-10T04:00:00+00:00"


def test_one_file_cut_the_same_way_gives_the_same_webhooks():
    assert cut(50, 7) == cut(50, 7)


def test_another_file_or_position_gives_other_webhooks():
    same_twice = [*likes(1), *likes(1)]
    ids = [b.webhook_id for b in [*cut_batches(same_twice, b"file", 1), *cut_batches(same_twice, b"another", 1)]]
    assert len(set(ids)) == 4


def test_an_id_never_has_two_bodies():
    in_the_middle = [like for like in likes(4) if like.line != 2]
    ids = {b.webhook_id: b.body for b in cut_batches(in_the_middle, b"file", 2)} | {
        b.webhook_id: b.body for b in cut(4, 2)
    }
    assert len(ids) == len(set(ids.values()))


def test_large_likes_make_smaller_batches():
    batches = cut(1000, 1000, content="点" * 128 + "x" * 3000)
    assert sum(batch.likes for batch in batches) == 1000
    assert all(BODY_BYTES_MAX // 2 < len(batch.body) <= BODY_BYTES_MAX for batch in batches[:-1])
    assert len(batches) == 4


def test_reading_stops_at_the_first_bad_line_or_skips_it():
    items = [*likes(2), BadLine(3, "bad"), *likes(1), BadLine(5, "worse")]
    stops, goes_on = ReadTally(skips_bad_lines=False), ReadTally(skips_bad_lines=True)
    assert (len(list(stops.take_likes(items))), stops.bad_lines) == (2, 1)
    assert (len(list(goes_on.take_likes(items))), goes_on.bad_lines) == (3, 2)
    assert list(map(str, goes_on.first_bad)) == ["line 3: bad", "line 5: worse"]


def test_the_stored_bad_lines_are_bounded():
    reading = ReadTally(skips_bad_lines=True)
    assert list(reading.take_likes(BadLine(n, "bad") for n in range(5_000))) == []
    assert (reading.bad_lines, len(reading.first_bad)) == (5_000, 100)


def test_the_digest_covers_all_bytes():
    parts: list[bytes] = []
    body = b"x" * 3_000_000
    assert digest_file(io.BytesIO(body), parts.append) != digest_file(io.BytesIO(body + b"y"), lambda _: None)
    assert b"".join(parts) == body
