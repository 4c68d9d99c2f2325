"""Observations: what names nobody is absent, hashes are keyed, batches pack and unpack exactly."""

from typing import Any

import pytest

from campaigns.authenticity.observation import ObservationReader, earliest_by_like, names_nobody
from campaigns.authenticity.observation_pack import MalformedPack, pack, unpack

READER = ObservationReader(b"k" * 32)
PERSON = b"p" * 16


def observe(event_us: int = 1_649_346_288_441_000, content: str = "c", **signals: Any):
    return READER.observe(event_us, PERSON, content, "video", signals)


@pytest.mark.parametrize(
    "tag",
    [
        *("", " ", "0", "0000", "null", "NULL", "None", "unknown", "Unknown ", "undefined", "n/a", "N/A", "-", "--"),
        *("00000000-0000-0000-0000-000000000000", "00:00:00:00:00:00", "0:0:0:0", "::", "0x0", "ffffffffffff"),
        *(
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "02:00:00:00:00:00",
            "9774d56d682e549c",
            "127.0.0.1",
            "::1",
            "xxxx",
        ),
    ],
)
def test_a_value_that_names_nobody_is_absent(tag: str) -> None:
    assert names_nobody(tag)
    observation = observe(device=tag, network=tag)
    assert (observation.device, observation.network) == (None, None)


@pytest.mark.parametrize(
    "tag", ["dv_00", "10.0.0.1", "a", "fade", "00000000-0000-0000-0000-000000000001", "10", "f0"]
)
def test_a_value_that_names_a_device_is_hashed(tag: str) -> None:
    assert not names_nobody(tag)
    assert len(observe(device=tag).device or b"") == 8


def test_hashes_differ_by_kind_and_campaign_and_are_stable() -> None:
    first, again = observe(device="x", network="x"), observe(device="x ", network="x")
    other = ObservationReader(b"l" * 32).observe(0, PERSON, "c", "video", {"device": "x"})
    assert first == again
    assert len({first.device, first.network, other.device}) == 3


def test_what_was_not_reported_is_absent_not_zero() -> None:
    assert observe()[4:] == (None,) * 8
    assert observe(watch_ms=0, followed=False)[7] == 0


def test_figures_beyond_any_real_one_are_cut() -> None:
    observation = observe(watch_ms=2**53 - 1, account_age_days=2**53 - 1)
    assert (observation.watch_ms, observation.account_age_days) == (2**40, 2**16 - 2)


def test_a_like_is_judged_by_its_earliest_event_and_ties_by_values() -> None:
    late, early, tie = observe(2_000, watch_ms=1), observe(1_000, watch_ms=9), observe(1_000, watch_ms=8)
    assert earliest_by_like([late, early, tie]) == earliest_by_like([tie, early, late, late]) == [tie]


def test_a_batch_takes_about_46_bytes_a_like() -> None:
    batch = [
        READER.observe(
            1_649_346_288_441_000 + 500_000 * number,
            number.to_bytes(16, "big"),
            str(number % 200),
            "video",
            {
                "watch_ms": 19_435 + number,
                "duration_ms": 18_983 * (number % 9),
                "followed": False,
                "commented": False,
                "shared": True,
                "device": f"d{number}",
                "network": f"n{number}",
                "account_age_days": 400 + number,
            },
        )
        for number in range(1_000)
    ]
    assert unpack(pack(batch)) == batch
    assert len(pack(batch)) / len(batch) < 47


def test_an_empty_batch_round_trips() -> None:
    assert unpack(pack([])) == []


@pytest.mark.parametrize(
    "spoil", [lambda raw: raw[:-1], lambda raw: raw + b"x", lambda raw: b"\x02" + raw[1:], lambda _: b""]
)
def test_spoilt_bytes_are_refused(spoil: Any) -> None:
    with pytest.raises(MalformedPack):
        unpack(spoil(pack([observe(device="x")])))
