"""Bodies with a like that no JSON parser reads: the like is an error, and every other like is read."""

import json
from datetime import UTC, datetime
from time import process_time
from typing import Any

import pytest

from campaigns.intake.payload import InvalidEnvelope, InvalidEvent, UnreadableBody, parse_body, parse_body_in_steps

BARE: dict[str, Any] = {
    "action": "like",
    "content": "3431182",
    "person": "4854",
    "event_at": "2022-04-07T15:44:48.441Z",
}
LIKE: dict[str, Any] = {
    **BARE,
    "campaign": "rural-education",
    "signals": {"watch_ms": 19435, "followed": False, "device": "…", "network": "…"},
}
EVENT_AT = datetime(2022, 4, 7, 15, 44, 48, 441_000, tzinfo=UTC)


def body(*likes: Any) -> bytes:
    envelope = {"type": "likes", "timestamp": "2026-11-23T08:00:00Z", "data": {"likes": likes}}
    return json.dumps(envelope).encode()


# Malformed in ways that no JSON parser reads, or that parsers read differently: text, then the error's path.
UNREADABLE_LIKES = {
    "half of a surrogate pair": (r'{"device": "\ud83d"}', "signals.device"),
    "the wrong half": (r'{"device": "\ude00\ud83d"}', "signals.device"),
    "an unknown escape": (r'{"device": "\x41"}', "the like"),
    "a cut escape": (r'{"device": "\u00"}', "the like"),
    "a line break": ('{"device": "a\nb"}', "the like"),
    "bytes that are not UTF-8": ('{"device": "\ud83d"}', "signals.device"),
    "NaN": ('{"watch_ms": NaN}', "signals.watch_ms"),
    "infinity": ('{"watch_ms": -Infinity}', "signals.watch_ms"),
    "a leading zero": ('{"watch_ms": 01}', "the like"),
    "a plus sign": ('{"watch_ms": +1}', "the like"),
    "a hexadecimal number": ('{"watch_ms": 0x1F}', "the like"),
    "a number of 5,000 digits": ('{"watch_ms": ' + "9" * 5_000 + "}", "the like"),
    "a number of 15,000 digits": ('{"watch_ms": ' + "9" * 15_000 + "}", "the like"),
    "5,000 digits after the point": ('{"watch_ms": 0.' + "9" * 5_000 + "}", "signals.watch_ms"),
    "300 arrays": ("[" * 300 + "]" * 300, "signals"),
    "7,000 arrays": ("[" * 7_000 + "]" * 7_000, "the like"),
    "100,000 arrays": ("[" * 100_000 + "]" * 100_000, "the like"),
    "300 objects": ('{"a":' * 300 + "1" + "}" * 300, "signals.a"),
    "a string of 500 KB": ('"' + "x" * 500_000 + '"', "the like"),
    "100,000 empty arrays": ("[" + "[]," * 100_000 + "[]]", "the like"),
    "2,000 members": ("{" + ",".join(f'"{i}": 1' for i in range(1_200)) + "}", "signals.0"),
    "a repeated key": ('{"device": "a", "device": "a"}', "device"),
    "a repeated key with an escape": (r'{"device": "a", "d\u0065vice": "a"}', "device"),
    "a repeated key with spaces": ('{"device" : "a", "device"\n: "a"}', "device"),
    "single quotes": ("{'device': 'a'}", "the like"),
    "no quotes": ("{device: 1}", "the like"),
    "a comma too many": ('{"device": "a",}', "the like"),
    "no colon": ('{"device" "a"}', "the like"),
    "a comment": ("/* none */ {}", "the like"),
    "the wrong bracket": ("{]", "the like"),
    "brackets in strings": (r'{"mood": "}]},{\"[\\"}', "signals.mood"),
}


@pytest.mark.parametrize("name", UNREADABLE_LIKES)
def test_a_like_that_no_parser_reads_spoils_no_other(name: str):
    text, path = UNREADABLE_LIKES[name]
    sent = body(BARE, {**BARE, "signals": "@"}, BARE).replace(b'"@"', text.encode("utf-8", "surrogatepass"))
    first, error, last = parse_body(sent)
    assert first == last == {**BARE, "event_at": EVENT_AT}
    assert isinstance(error, InvalidEvent)
    assert error.startswith(f"{path}: ")
    assert len(error) <= 300


@pytest.mark.parametrize("text", ["tru", "undefined", "01", "NaN", '"\\ud800"', "{]", "'a'", "\x7f"])
def test_a_value_that_is_no_json_is_no_like(text: str):
    sent = body("@", BARE).replace(b'"@"', text.encode())
    error, good = parse_body(sent)
    assert isinstance(error, InvalidEvent)
    assert good == {**BARE, "event_at": EVENT_AT}


def test_a_repeated_key_is_an_error_of_its_like():
    twice = body(BARE, BARE).replace(b'"person": "4854"', b'"person": "1", "person": "4854"', 1)
    assert parse_body(twice) == [
        InvalidEvent("person: The member is given more than once"),
        {**BARE, "event_at": EVENT_AT},
    ]


@pytest.mark.parametrize("key", ["type", "timestamp", "data", "likes"])
def test_a_repeated_key_of_the_envelope_is_named(key: str):
    sent = body(BARE)
    value = {"type": '"likes"', "timestamp": '"2026-11-23T08:00:00Z"', "data": '{"likes": []}', "likes": "[]"}[key]
    with pytest.raises(InvalidEnvelope) as refused:
        parse_body(sent.replace(f'"{key}":'.encode(), f'"{key}": {value}, "{key}":'.encode()))
    assert [(error.path, error.code) for error in refused.value.field_errors] == [(key, "repeated_member")]


@pytest.mark.parametrize("written", ['"d\\u0061ta"', '"data" ', '"data"\t'])
def test_a_key_may_be_written_in_any_way_of_json(written: str):
    assert parse_body(body(BARE).replace(b'"data"', written.encode())) == [{**BARE, "event_at": EVENT_AT}]


def test_a_pretty_printed_body_is_read():
    sent = json.dumps(json.loads(body(LIKE, BARE)), indent=2, separators=(" , ", " : ")).encode()
    assert parse_body(sent) == [{**LIKE, "event_at": EVENT_AT}, {**BARE, "event_at": EVENT_AT}]


def test_the_longest_valid_like_is_read_beside_an_invalid_one():
    tag = "😀" * 256
    longest = {
        **LIKE,
        "content": "😀" * 128,
        "person": tag,
        "signals": {**LIKE["signals"], "device": tag, "network": tag},
    }
    sent = body(longest, 7)
    assert parse_body(sent)[0] == {**longest, "event_at": EVENT_AT}


ENDLESS_BODIES = {
    "extra keys": b'{"type":"likes",' + b",".join(b'"%05x":1' % i for i in range(95_000)) + b"}",
    "one like of extra keys": body({f"{i:05x}": 1 for i in range(80_000)}),
    "extra keys of each like": body(*[{f"{i:03x}": 1 for i in range(80)}] * 1_000),
    "empty arrays": b"[" + b"[]," * 340_000 + b"[]]",
    "numbers": body(*[7] * 300_000),
    "open brackets": b"[{" * 500_000,
    "a string": body("x" * 1_000_000),
    "quotes": b'"' * 1_000_000,
}


@pytest.mark.parametrize("name", ENDLESS_BODIES)
def test_an_endless_body_is_read_in_short_steps(name: str):
    worst_ms, steps = 0.0, parse_body_in_steps(ENDLESS_BODIES[name])
    while True:
        started = process_time()
        try:
            next(steps)
        except (StopIteration, UnreadableBody, InvalidEnvelope):
            break
        finally:
            worst_ms = max(worst_ms, 1_000 * (process_time() - started))
    assert worst_ms < 50
