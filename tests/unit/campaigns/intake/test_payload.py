"""Bodies of deliveries: events, errors with their path, and nothing else, whatever the bytes."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.intake.delivery_body import LIKES_MAX
from campaigns.intake.payload import InvalidEnvelope, InvalidEvent, UnreadableBody, parse_body

LIKE: dict[str, Any] = {
    "action": "like",
    "content": "3431182",
    "person": "4854",
    "event_at": "2022-04-07T15:44:48.441Z",
    "campaign": "rural-education",
    "signals": {
        "watch_ms": 19435,
        "duration_ms": 18983,
        "followed": False,
        "commented": False,
        "shared": False,
        "device": "…",
        "network": "…",
        "account_age_days": 400,
    },
}
BARE = {name: LIKE[name] for name in ("action", "content", "person", "event_at")}
EVENT_AT = datetime(2022, 4, 7, 15, 44, 48, 441_000, tzinfo=UTC)


def body(*likes: Any, **fields: Any) -> bytes:
    envelope = {"type": "likes", "timestamp": "2026-11-23T08:00:00Z", "data": {"likes": likes}, **fields}
    return json.dumps(envelope).encode()


def with_json(text: str) -> bytes:
    """Return a body whose first like has `text`, unchanged, as its signals."""
    return body({**BARE, "signals": "@"}, BARE).replace(b'"@"', text.encode("utf-8", "surrogatepass"))


def test_a_like_with_all_its_members_is_read():
    assert parse_body(body(LIKE)) == [{**LIKE, "event_at": EVENT_AT}]


def test_optional_members_may_be_left_out():
    assert parse_body(body(BARE, {**BARE, "signals": {}})) == [
        {**BARE, "event_at": EVENT_AT},
        {**BARE, "event_at": EVENT_AT, "signals": {}},
    ]


@pytest.mark.parametrize("likes", [0, 1, LIKES_MAX])
def test_up_to_a_thousand_likes_are_read(likes: int):
    assert len(parse_body(body(*[BARE] * likes))) == likes


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("action", "love", "action"),
        ("action", None, "action"),
        ("content", "", "content"),
        ("content", "x" * 129, "content"),
        ("content", 3431182, "content"),
        ("content", "a\x00b", "content"),
        ("content", "a\nb", "content"),
        ("content", "a\n", "content"),
        ("content", "\x7f", "content"),
        ("person", "", "person"),
        ("person", "x" * 257, "person"),
        ("person", 4854, "person"),
        ("person", "a\x1fb", "person"),
        ("person", None, "person"),
        ("event_at", "2022-04-07T15:44:48.441", "event_at"),  # no offset: it could be any day
        ("event_at", "2022-04-07", "event_at"),
        ("event_at", "2022-02-30T00:00:00Z", "event_at"),
        ("event_at", "2022-04-07T24:00:00Z", "event_at"),
        ("event_at", "2022-04-07T15:44:48+24:00", "event_at"),
        ("event_at", "0000-01-01T00:00:00Z", "event_at"),
        ("event_at", "10000-01-01T00:00:00Z", "event_at"),
        ("event_at", 1649346288, "event_at"),
        ("event_at", 1649346288.441, "event_at"),
        ("event_at", "1649346288", "event_at"),  # seconds or milliseconds: ambiguous
        ("event_at", "1649346288441", "event_at"),
        ("event_at", "1649346288.441", "event_at"),
        ("event_at", "now", "event_at"),
        ("event_at", "", "event_at"),
        ("event_at", None, "event_at"),
        ("campaign", "", "campaign"),
        ("campaign", "x" * 64, "campaign"),
        ("campaign", None, "campaign"),
        ("signals", [], "signals"),
        ("signals", None, "signals"),
        ("signals", {"mood": 1}, "signals.mood"),
        ("signals", {"watch_ms": -1}, "signals.watch_ms"),
        ("signals", {"watch_ms": "19435"}, "signals.watch_ms"),
        ("signals", {"watch_ms": 1.0}, "signals.watch_ms"),
        ("signals", {"watch_ms": True}, "signals.watch_ms"),
        ("signals", {"watch_ms": 2**53}, "signals.watch_ms"),
        ("signals", {"duration_ms": None}, "signals.duration_ms"),
        ("signals", {"account_age_days": -1}, "signals.account_age_days"),
        ("signals", {"followed": 1}, "signals.followed"),
        ("signals", {"commented": "true"}, "signals.commented"),
        ("signals", {"shared": 0}, "signals.shared"),
        ("signals", {"device": "x" * 257}, "signals.device"),
        ("signals", {"network": 7}, "signals.network"),
        ("amount_minor", 100, "amount_minor"),  # an unknown member
    ],
)
def test_an_invalid_event_has_the_path_of_its_error_and_spoils_no_other(field: str, value: Any, path: str):
    first, second, third = parse_body(body(BARE, {**BARE, field: value}, BARE))
    assert first == third == {**BARE, "event_at": EVENT_AT}
    assert isinstance(second, InvalidEvent)
    assert second.startswith(f"{path}: ")


@pytest.mark.parametrize("missing", sorted(BARE))
def test_a_missing_member_is_named(missing: str):
    assert parse_body(body({k: v for k, v in BARE.items() if k != missing})) == [
        InvalidEvent(f"{missing}: Field required")
    ]


@pytest.mark.parametrize("like", [None, 7, "like", [], [BARE], True, 1.5])
def test_a_value_that_is_no_object_is_no_like(like: Any):
    error, good = parse_body(body(like, BARE))
    assert error == InvalidEvent("the like: Input should be an object")
    assert not isinstance(good, InvalidEvent)


@pytest.mark.parametrize("person", ["secret-person-4854\n", "secret-person-4854" * 20])
def test_an_error_never_repeats_the_value_that_was_sent(person: str):
    [error] = parse_body(body({**BARE, "person": person}))
    assert isinstance(error, InvalidEvent)
    assert "4854" not in error


def test_an_error_is_bounded():
    [error] = parse_body(body({**BARE, "x" * 10_000: 1}))
    assert isinstance(error, InvalidEvent)
    assert len(error) <= 300


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"watch_ms": 1e400}', "signals.watch_ms"),
        ('{"watch_ms": 0E0700000000}', "signals.watch_ms"),  # a short way to write a very long number
        ('{"watch_ms": 1E700000000}', "signals.watch_ms"),
        ('{"watch_ms": ' + "9" * 4_000 + "}", "signals.watch_ms"),
        ('{"watch_ms": -0.0}', "signals.watch_ms"),
        ("[" * 150 + "]" * 150, "signals"),
        ('{"device": 1, "device": "a", "network": 1}', "signals.network"),
    ],
)
def test_extreme_numbers_and_depths_are_errors_of_one_event(text: str, path: str):
    error, good = parse_body(with_json(text))
    assert isinstance(error, InvalidEvent)
    assert error.startswith(f"{path}: ")
    assert not isinstance(good, InvalidEvent)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b" ",
        b"likes",
        b"\xff\xfe",
        b"\x00",
        b"\xef\xbb\xbf" + body(BARE),  # a byte order mark (RFC 8259, section 8.1)
        body(BARE)[:-1],
        body(BARE) + b"}",
        body(BARE) + b" x",
        body(BARE) + b"\x00",
        body(BARE).decode().encode("utf-16"),
        with_json("[" * 300),
        with_json('"'),
        body(BARE, BARE).replace(b"}, {", b"} {"),
        body(BARE, BARE).replace(b"}, {", b"},, {"),
        body(BARE, BARE).replace(b"}, {", b"}: {"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_a_body_that_is_not_json_is_unreadable(sent: bytes):
    with pytest.raises(UnreadableBody):
        parse_body(sent)


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        (b"null", "the body"),
        (b"[]", "the body"),
        (b'"likes"', "the body"),
        (b"1e999", "the body"),
        (b"{}", "type"),
        (body(BARE, type="unlikes"), "type"),
        (body(BARE, timestamp="2026-11-23T08:00:00"), "timestamp"),
        (body(BARE, timestamp=None), "timestamp"),
        (body(BARE, timestamp=1), "timestamp"),
        (body(data=None), "data"),
        (body(data={}), "data.likes"),
        (body(data={"likes": {}}), "data.likes"),
        (body(data={"likes": [], "more": []}), "data.more"),
        (body(BARE, extra=1), "extra"),
        (body(*[BARE] * (LIKES_MAX + 1)), "data.likes"),
        (body(*[7] * (LIKES_MAX + 1)), "data.likes"),
        (body(7, extra="x" * 10_000), "the body"),
        (body(7, **{f"x{i}": i for i in range(200)}), "the body"),
        (body(7, extra=1), "extra"),
    ],
)
def test_an_invalid_envelope_has_the_paths_of_its_errors(sent: bytes, path: str):
    with pytest.raises(InvalidEnvelope) as refused:
        parse_body(sent)
    assert path in [error.path for error in refused.value.field_errors]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2022-04-07T23:44:48+08:00", datetime(2022, 4, 7, 23, 44, 48, tzinfo=timezone(timedelta(hours=8)))),
        ("2022-04-07T15:44:48-00:00", datetime(2022, 4, 7, 15, 44, 48, tzinfo=UTC)),
        ("2022-04-07t15:44:48z", datetime(2022, 4, 7, 15, 44, 48, tzinfo=UTC)),
        ("2022-04-07T15:44:48.123456789Z", datetime(2022, 4, 7, 15, 44, 48, 123_456, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:59", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59)))),
        ("9999-12-31T23:59:59-23:59", datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(minutes=-1439)))),
    ],
)
def test_a_time_is_read_with_its_offset(written: str, meant: datetime):
    [like] = parse_body(body({**BARE, "event_at": written}))
    assert not isinstance(like, InvalidEvent)
    assert like["event_at"] == meant
    assert like["event_at"].utcoffset() == meant.utcoffset()


@pytest.mark.parametrize(
    "content", ["赞", "👍", "𝄞", "e\u0301", "\u200b", "\ufffe", "\x80", "a b", "'; --", "x" * 128]
)
def test_any_printed_text_can_be_a_content(content: str):
    [like] = parse_body(body({**BARE, "content": content}))
    assert not isinstance(like, InvalidEvent)
    assert like["content"] == content


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(list(BARE.values())),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(LIKE)) | st.text(), inner, max_size=6)
    ),
    max_leaves=12,
)


def assert_events_or_a_refusal(sent: bytes) -> None:
    try:
        events = parse_body(sent)
    except (UnreadableBody, InvalidEnvelope):
        return
    assert all(isinstance(event, dict | InvalidEvent) for event in events)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
@example(b'{"type":"likes"')
def test_any_bytes_give_events_or_a_refusal(sent: bytes):
    assert_events_or_a_refusal(sent)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_a_body_with_some_bytes_overwritten_gives_events_or_a_refusal(position: int, garbage: bytes):
    sent = body(LIKE, BARE)
    assert_events_or_a_refusal(sent[:position] + garbage + sent[position + len(garbage) :])


@settings(max_examples=100, deadline=None)
@given(st.lists(JSON, max_size=4))
def test_any_json_as_likes_gives_one_event_or_error_for_each(likes: list[Any]):
    assert len(parse_body(body(*likes))) == len(likes)


# Moments and texts that msgspec and pydantic may read differently.
MOMENTS = [
    *(f"2022-04-07T15:44:48.{'4' * digits}{zone}" for digits in range(1, 11) for zone in ("Z", "+08:00", "-00:00")),
    *("2022-04-07T15:44:48.9999999Z", "2022-04-07T15:44:48.4444445Z", "2022-04-07T15:44:48.444444999Z"),
    *("2022-04-07 15:44:48Z", "2022-04-07t15:44:48z", "2022-04-07T15:44Z", "2022-04-07T15:44:48+0800"),
    *("2022-04-07T15:44:48+08", "2022-04-07T15:44:48,4Z", "2022-04-07_15:44:48Z", "2022-04-07T15:44:60Z"),
    *("2022-04-07T24:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00"),
]
TEXTS = [
    "x" * 128,
    "x" * 129,
    "é" * 128,
    "😀" * 128,
    "😀" * 129,
    "a.1234567",
    "\u2028",
    "\x7f",
    "a\\b",
    'a"b',
    " ",
    "",
]
SIGNALS: list[Any] = [{"watch_ms": value} for value in (0, -0, 1.0, 1e3, True, "1", None, 2**53 - 1, 2**53)]
SIGNALS += [{"mood": 1}, {"device": "é" * 256}, {"device": "é" * 257}, {}, None]


@pytest.mark.parametrize(
    "like",
    [{**BARE, "event_at": moment} for moment in MOMENTS]
    + [{**BARE, name: text} for name in ("content", "person") for text in TEXTS]
    + [{**BARE, "signals": signals} for signals in SIGNALS],
    ids=repr,
)
def test_a_like_is_read_the_same_alone_and_beside_one_that_only_the_lenient_reader_accepts(like: dict[str, Any]):
    text = json.dumps(like, ensure_ascii=False)
    fast = parse_body(body("@", "@").replace(b'"@"', text.encode()))
    slow = parse_body(body("@", 7, "@").replace(b'"@"', text.encode()))
    assert fast == [slow[0], slow[2]]
    assert [type(event) for event in fast] == [type(slow[0]), type(slow[2])]
