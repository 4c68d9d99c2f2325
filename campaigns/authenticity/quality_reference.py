"""How long real people watch: percentiles of the time watched, by the length of the video.

Measured on public likes of short videos, rounded to half a second. A like's quality compares it
with this table, never with the bare share watched: short videos loop.
"""

from hashlib import sha256

from ledger.log.canonical import canonical_bytes

PERCENTILES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)

# (length from, ms): the time watched (ms) at each percentile. Length 0: the platform knows none.
WATCH_MS_BY_LENGTH: tuple[tuple[int, tuple[int, ...]], ...] = (
    (0, (1_500, 1_501, 2_000, 2_500, 3_500, 5_000, 7_000, 9_500, 14_000, 25_000, 38_500)),
    (1, (1_000, 2_000, 3_500, 5_000, 6_500, 7_500, 8_500, 10_000, 13_000, 18_500, 25_500)),
    (8_000, (1_000, 2_000, 3_500, 5_500, 7_500, 9_000, 10_500, 12_000, 16_000, 22_000, 30_500)),
    (12_000, (1_000, 2_500, 5_000, 8_000, 11_500, 13_500, 15_500, 18_000, 22_000, 29_000, 36_000)),
    (17_000, (1_500, 2_500, 6_500, 12_000, 17_000, 19_500, 21_500, 24_000, 27_500, 36_500, 45_000)),
    (25_000, (1_000, 3_000, 11_500, 22_500, 27_000, 30_000, 32_500, 36_000, 39_500, 49_500, 58_000)),
    (40_000, (1_000, 3_000, 13_500, 27_000, 39_000, 44_000, 47_000, 49_500, 54_000, 60_500, 68_500)),
    (60_000, (1_500, 3_500, 12_500, 29_000, 46_000, 58_000, 64_000, 68_500, 75_000, 84_000, 91_500)),
    (90_000, (1_500, 5_000, 18_000, 35_500, 57_000, 78_500, 92_000, 101_000, 112_500, 130_500, 144_500)),
    (150_000, (1_000, 4_000, 13_000, 27_500, 44_500, 75_000, 101_000, 144_500, 169_500, 213_500, 247_500)),
    (300_000, (500, 2_500, 8_000, 24_500, 45_500, 67_500, 100_500, 152_000, 245_000, 336_000, 384_500)),
)


def _reference_id() -> str:
    """Return the table's SHA-256 over its canonical JSON, as a ruleset names it."""
    table = {
        "percentiles": list(PERCENTILES),
        "watch_ms": [[length, list(row)] for length, row in WATCH_MS_BY_LENGTH],
    }
    return "sha256:" + sha256(canonical_bytes(table)).hexdigest()


REFERENCE_ID = _reference_id()
