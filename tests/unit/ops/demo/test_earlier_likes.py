"""The platform's record of earlier likes: taken by a run, written back at its end."""

from datetime import date
from pathlib import Path

from ops.demo.earlier_likes import earlier_likes_path, take_earlier_likes, write_likes


def test_a_record_is_taken_once(tmp_path: Path):
    path, likes = earlier_likes_path(tmp_path, "demo-1"), {("person", "video"): date(2026, 11, 23)}
    assert take_earlier_likes(path) == {}
    write_likes(path, likes)
    assert take_earlier_likes(path) == likes
    assert not path.exists()
