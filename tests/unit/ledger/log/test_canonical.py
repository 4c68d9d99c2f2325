"""Canonical JSON: one value, one sequence of bytes."""

import json

import pytest

from ledger.log.canonical import NotCanonical, canonical_bytes, parse_canonical

CASES = [
    (None, b"null"),
    (True, b"true"),
    (0, b"0"),
    (2**53 - 1, b"9007199254740991"),
    (-(2**53) + 1, b"-9007199254740991"),
    ("", b'""'),
    ("\u20ac$\x0f\nA'B\"\\/", b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\/"'),  # the escapes of RFC 8785, 3.2.2.2
    ([], b"[]"),
    ([[1], {}], b"[[1],{}]"),
    (json.loads("[" * 64 + "1" + "]" * 64), b"[" * 64 + b"1" + b"]" * 64),
    ({"b": 1, "a": [None, False]}, b'{"a":[null,false],"b":1}'),
    # RFC 8785, 3.2.3: sorted by UTF-16, so U+1F600 (surrogates) precedes U+FB33
    ({"\ufb33": 1, "\U0001f600": 2, "1": 3}, '{"1":3,"\U0001f600":2,"\ufb33":1}'.encode()),
]


@pytest.mark.parametrize(("value", "raw"), CASES)
def test_a_value_round_trips_through_its_only_form(value, raw):
    assert canonical_bytes(value) == raw
    assert parse_canonical(raw) == value


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (1.0, ""),
        ({"a": 0.5}, "/a"),
        ({"rate": {"amounts_minor": [1, 2, 2**53]}}, "/rate/amounts_minor/2"),
        ({"rate": -(2**53)}, "/rate"),
        ([[float("nan")]], "/0/0"),
        ({"a/b": {"c~d": 1e300}}, "/a~1b/c~0d"),
        ({"a": {1: "x"}}, "/a"),
        ({"a": {"\ud800": "x"}}, "/a"),
        ({"a": ["\ud800"]}, "/a/0"),
        ({"a": b"bytes"}, "/a"),
        ({"a": {1, 2}}, "/a"),
    ],
)
def test_a_value_that_readers_parse_differently_is_refused_with_its_path(value, path):
    with pytest.raises(NotCanonical) as refusal:
        canonical_bytes(value)
    assert refusal.value.path == path


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[1, 2]",
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'"\\u0041"',
        b'"\\/"',
        b"1.0",
        b"1e2",
        b"-0",
        b"NaN",
        b"9007199254740992",
        b"9" * 5000,
        b'"\xff"',
        b'"\\ud800"',
        b"[]\n",
        b"\xef\xbb\xbf[]",
        b"[" * 100_000,
        b"[" * 66 + b"]" * 66,
    ],
)
def test_bytes_that_are_not_canonical_are_refused(raw):
    with pytest.raises(NotCanonical):
        parse_canonical(raw)
