"""Packed observations of a batch: one byte string by columns, about 46 bytes a like.

Integers are stored as planes: the lowest bytes of all rows, then the next bytes, as many planes as
the largest value needs. Bytes are little-endian. Version 1:

    version · rows · columns of integers (event, content, platform, age, watch, duration, flags)
    · persons · devices and networks that are present · table of contents · table of platforms
"""

import sys
from array import array
from collections.abc import Sequence
from struct import Struct

from campaigns.authenticity.observation import TAG_BYTES, Observation
from campaigns.authenticity.observation_columns import ObservationColumns, to_columns

VERSION = 1
PERSON_BYTES = 16
ROWS_MAX = 1_000_000
_HEAD = Struct("<BIqI")  # version, rows, the first event in units, microseconds a unit
_LENGTH = Struct("<I")
_MILLISECOND_US = 1_000
_WORD_BYTES = 8
_TAGS_PRESENT = (1, 2)  # bits of the flags: a device, a network
_BOOLEAN_SHIFTS = (2, 4, 6)  # followed, commented, shared: 0 absent, 1 no, 2 yes


class MalformedPack(ValueError):
    """The bytes are no packed observations, or of another version."""


def pack(observations: Sequence[Observation]) -> bytes:
    """Return the observations of a batch, in their order, as bytes. Pure.

    The same observations give the same bytes on any machine.
    """
    return pack_columns(to_columns(observations))


def pack_columns(columns: ObservationColumns) -> bytes:
    """Return the observations of a batch, given by columns, as bytes. Pure."""
    times_us = columns.times_us
    if len(times_us) > ROWS_MAX:
        raise ValueError(f"at most {ROWS_MAX} observations are packed together")
    first_us = min(times_us, default=0)
    unit_us = 1 if any(time_us % _MILLISECOND_US for time_us in times_us) else _MILLISECOND_US
    first = first_us // unit_us
    contents, platforms = sorted(set(columns.contents)), sorted(set(columns.platforms))
    return b"".join(
        [
            _HEAD.pack(VERSION, len(times_us), first, unit_us),
            _pack_integers([time_us // unit_us - first for time_us in times_us]),
            _pack_integers(_indexes(columns.contents, contents)),
            _pack_integers(_indexes(columns.platforms, platforms)),
            *(_pack_integers(_plus_one(figures)) for figures in (columns.ages, columns.watches, columns.durations)),
            _pack_integers(_flags(columns)),
            *columns.persons,
            *(device for device in columns.devices if device is not None),
            *(network for network in columns.networks if network is not None),
            _pack_texts(contents),
            _pack_texts(platforms),
        ]
    )


def _indexes(values: Sequence[str], table: Sequence[str]) -> list[int]:
    if len(table) == 1:
        return [0] * len(values)
    index = {value: number for number, value in enumerate(table)}
    return [index[value] for value in values]


def unpack(packed: bytes) -> list[Observation]:
    """Return the observations of a batch, exactly as packed.

    Raises MalformedPack if the bytes are cut off, too long or of another version.
    """
    reader = _Reader(packed)
    version, rows, first, unit_us = _HEAD.unpack(reader.take(_HEAD.size))
    if version != VERSION or rows > ROWS_MAX:
        raise MalformedPack(f"version {version} with {rows} rows: this program reads version {VERSION}")
    columns = [reader.take_integers(rows) for _ in range(7)]
    persons = reader.take_tags([True] * rows, PERSON_BYTES)
    devices, networks = (
        reader.take_tags([bool(flag & bit) for flag in columns[6]], TAG_BYTES) for bit in _TAGS_PRESENT
    )
    contents, platforms = reader.take_texts(), reader.take_texts()
    reader.finish()
    rows_read = zip(*columns, persons, devices, networks, strict=True)
    try:
        return [
            Observation(
                event_us=(first + event) * unit_us,
                person=person or b"",
                content=contents[content],
                platform=platforms[platform],
                device=device,
                network=network,
                account_age_days=_less_one(age),
                watch_ms=_less_one(watch),
                duration_ms=_less_one(duration),
                followed=_boolean(flags >> 2),
                commented=_boolean(flags >> 4),
                shared=_boolean(flags >> 6),
            )
            for event, content, platform, age, watch, duration, flags, person, device, network in rows_read
        ]
    except IndexError:
        raise MalformedPack("a row names a content or platform outside its table") from None


class _Reader:
    """Takes parts off the front of packed bytes."""

    def __init__(self, packed: bytes) -> None:
        self._packed, self._at = packed, 0

    def take(self, size: int) -> bytes:
        part = self._packed[self._at : self._at + size]
        if len(part) != size:
            raise MalformedPack("the packed observations are cut off")
        self._at += size
        return part

    def take_integers(self, rows: int) -> "array[int]":
        planes = self.take(1)[0]
        if planes > _WORD_BYTES:
            raise MalformedPack(f"a column has {planes} planes; an integer has at most {_WORD_BYTES} bytes")
        words = bytearray(rows * _WORD_BYTES)
        for plane in range(planes):
            words[plane::_WORD_BYTES] = self.take(rows)
        return _from_words(bytes(words))

    def take_tags(self, is_present: Sequence[bool], size: int) -> list[bytes | None]:
        return [self.take(size) if present else None for present in is_present]

    def take_texts(self) -> list[str]:
        (count,) = _LENGTH.unpack(self.take(_LENGTH.size))
        if count > ROWS_MAX:
            raise MalformedPack(f"a table of {count} texts")
        lengths = self.take_integers(count)
        try:
            return [self.take(length).decode() for length in lengths]
        except UnicodeDecodeError:
            raise MalformedPack("a content or platform is not UTF-8") from None

    def finish(self) -> None:
        if self._at != len(self._packed):
            raise MalformedPack("bytes follow the packed observations")


def _pack_integers(values: Sequence[int]) -> bytes:
    planes = (max(values, default=0).bit_length() + 7) // 8
    words = array("Q", values)
    if sys.byteorder == "big":
        words.byteswap()
    raw = words.tobytes()
    return bytes([planes]) + b"".join(raw[plane::_WORD_BYTES] for plane in range(planes))


def _from_words(raw: bytes) -> "array[int]":
    words = array("Q")
    words.frombytes(raw)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def _pack_texts(texts: Sequence[str]) -> bytes:
    encoded = [text.encode() for text in texts]
    return _LENGTH.pack(len(encoded)) + _pack_integers([len(text) for text in encoded]) + b"".join(encoded)


def _flags(columns: ObservationColumns) -> list[int]:
    figures = columns.devices, columns.networks, columns.followed, columns.commented, columns.shared
    if not any(_has_values(column) for column in figures):
        return [0] * len(columns.times_us)
    followed, commented, shared = ({None: 0, False: 1 << shift, True: 2 << shift} for shift in _BOOLEAN_SHIFTS)
    return [
        (device is not None) | (network is not None) << 1 | followed[follows] | commented[comments] | shared[shares]
        for device, network, follows, comments, shares in zip(*figures, strict=True)
    ]


def _has_values(column: Sequence[object]) -> bool:
    return column.count(None) < len(column)


def _boolean(bits: int) -> bool | None:
    value = bits & 3
    return None if value == 0 else value > 1


def _plus_one(values: Sequence[int | None]) -> list[int]:
    if not _has_values(values):
        return [0] * len(values)
    return [0 if value is None else value + 1 for value in values]


def _less_one(value: int) -> int | None:
    return None if value == 0 else value - 1
