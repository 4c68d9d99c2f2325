"""Packed observations: any batch round-trips, any bytes are read or refused."""

from hypothesis import given
from hypothesis import strategies as st

from campaigns.authenticity.observation import Observation
from campaigns.authenticity.observation_pack import MalformedPack, pack, unpack

OBSERVATIONS = st.builds(
    Observation,
    event_us=st.integers(-(2**50), 2**53),
    person=st.binary(min_size=16, max_size=16),
    content=st.text(max_size=20).filter(lambda text: text.isprintable()),
    platform=st.sampled_from(["a", "video"]),
    device=st.none() | st.binary(min_size=8, max_size=8),
    network=st.none() | st.binary(min_size=8, max_size=8),
    account_age_days=st.none() | st.integers(0, 2**16 - 2),
    watch_ms=st.none() | st.integers(0, 2**40),
    duration_ms=st.none() | st.integers(0, 2**40),
    followed=st.none() | st.booleans(),
    commented=st.none() | st.booleans(),
    shared=st.none() | st.booleans(),
)


@given(st.lists(OBSERVATIONS, max_size=30))
def test_what_is_packed_is_unpacked_exactly(batch: list[Observation]) -> None:
    assert unpack(pack(batch)) == batch
    assert pack(unpack(pack(batch))) == pack(batch)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        unpack(raw)
    except MalformedPack:
        return
