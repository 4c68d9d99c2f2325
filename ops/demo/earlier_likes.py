"""The platform's own record of the likes of earlier runs, in the folder of the demonstration.

Rules may decide about an earlier like later, so a run counts the likes of all runs again. A run takes the record away
and writes it back when it ends: after an interrupted run there is none, and the next run starts a new campaign.
"""

from datetime import date
from pathlib import Path

import orjson

from ops.demo.expected import LikeKey

_FOLDER = "demo"


def earlier_likes_path(data_dir: Path, campaign: str) -> Path:
    """Return the path of the record of a campaign."""
    return data_dir / _FOLDER / f"{campaign}.json"


def take_earlier_likes(path: Path) -> dict[LikeKey, date]:
    """Return the day of each recorded like, and delete the record; none if there is no record."""
    if not path.exists():
        return {}
    rows = orjson.loads(path.read_bytes())
    path.unlink()
    return {(person, content): date.fromisoformat(day) for person, content, day in rows}


def write_likes(path: Path, likes: dict[LikeKey, date]) -> None:
    """Write the record."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(orjson.dumps([[*key, day] for key, day in likes.items()]))
