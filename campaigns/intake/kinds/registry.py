"""The kinds whose secrets the platform issues, by name. `standard` has secrets of ours (`signature.py`)."""

from campaigns.intake.kinds import (
    discourse,
    douyin_live,
    douyin_video,
    facebook_page,
    github_star,
    gitlab_emoji,
    kuaishou_live,
)
from campaigns.intake.kinds.model import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        douyin_video.KIND,
        douyin_live.KIND,
        kuaishou_live.KIND,
        github_star.KIND,
        facebook_page.KIND,
        gitlab_emoji.KIND,
        discourse.KIND,
    )
}
