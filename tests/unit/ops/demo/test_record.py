"""The platform's record of earlier likes: taken by a run, written back at its end."""

from datetime import date
from pathlib import Path

from ops.demo.record import record_path, take_record, write_record


def test_a_record_is_taken_once(tmp_path: Path):
    path, likes = record_path(tmp_path, "demo-1"), {("person", "video"): date(2026, 11, 23)}
    assert take_record(path) == {}
    write_record(path, likes)
    assert take_record(path) == likes
    assert not path.exists()
