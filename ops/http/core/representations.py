"""Campaign snapshots as JSON and CSV: views return values, and this module encodes them."""

from collections.abc import Callable
from typing import Any

import orjson
from pydantic import BaseModel

from campaigns.errors import NotFound, printable
from campaigns.reporting.snapshot import CampaignSnapshot, format_instant
from ops.http.core.snapshots import PreparedResponse, SnapshotSet

JSON = "application/json; charset=utf-8"
CSV = "text/csv; charset=utf-8; header=present"

_NAME_CHARS_MAX = 100  # of a name that a refusal repeats

JsonView = Callable[[CampaignSnapshot], Any]
CsvView = Callable[[CampaignSnapshot], str]


def to_json(value: Any) -> bytes:
    """Return a value as JSON; optional parts of a promise that it lacks are left out."""
    return orjson.dumps(value, default=_dump_model)


def _dump_model(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_none=True)


def campaign_json(snapshots: SnapshotSet, slug: str, view: JsonView) -> PreparedResponse:
    """Return a view of one campaign as JSON. Raises NotFound if no campaign has that name."""
    snapshot = find_campaign(snapshots, slug)
    return snapshots.prepare(view, slug, lambda: (to_json(view(snapshot)), JSON))


def campaign_csv(snapshots: SnapshotSet, slug: str, csv_view: CsvView) -> PreparedResponse:
    """Return a table of one campaign as CSV. Raises NotFound if no campaign has that name."""
    snapshot = find_campaign(snapshots, slug)
    return snapshots.prepare(csv_view, slug, lambda: (csv_view(snapshot).encode(), CSV))


def all_campaigns_json(snapshots: SnapshotSet, view: JsonView) -> PreparedResponse:
    """Return a view of every campaign as JSON, oldest first."""
    return snapshots.prepare(view, "", lambda: (to_json(view_all_campaigns(snapshots, view)), JSON))


def view_all_campaigns(snapshots: SnapshotSet, view: JsonView) -> dict[str, Any]:
    """Return a view of every campaign, oldest first."""
    return {
        "as_of": format_instant(snapshots.as_of),
        "campaigns": [view(snapshot) for snapshot in snapshots.campaigns.values()],
    }


def find_campaign(snapshots: SnapshotSet, slug: str) -> CampaignSnapshot:
    """Return a campaign's snapshot. Raises NotFound if no campaign has that name."""
    snapshot = snapshots.campaigns.get(slug)
    if snapshot is None:
        raise NotFound("campaign_not_found", slug=printable(slug)[:_NAME_CHARS_MAX])
    return snapshot
