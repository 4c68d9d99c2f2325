"""The preview beside the editor: what the promise in the form would come to, by the engine's own arithmetic."""

from typing import Any

import orjson
from pydantic import ValidationError

from campaigns.catalogue import apply_promise
from campaigns.errors import Closed, Fault, Faulty, NotFound
from campaigns.preview import request as preview_request
from campaigns.preview.context import previewed
from campaigns.promise.model import Promise
from ops.admin.core.command import Desk
from ops.admin.resources import campaigns as campaign_commands
from ops.http.admin_web.context import Visit
from ops.http.admin_web.forms import parsing
from ops.http.admin_web.forms.parsing import Values, Ways
from ops.http.admin_web.forms.preview_inputs import PARTS
from ops.http.admin_web.forms.schema import parts_of
from ops.http.admin_web.forms.state import Sheet
from ops.http.web.preview_view import PreviewScene, scene


async def made(visit: Visit, own: Sheet) -> tuple[PreviewScene | None, list[Fault]]:
    """Return the preview of what stands in the form, or what is wrong with what it supposes."""
    how = parsing.ways(own.values, own.how)
    try:
        async with visit.desk() as desk:
            promise = await _promise(desk, own.of, parsing.body(parts_of(own.command.asked), own.values, how))
            request = preview_request.of_promise(promise, **_supposed(own.values, how))
            done = await previewed(desk.conn, request, desk.now, pseudonym_key=desk.keys.pseudonym)
    except Faulty as refused:
        return None, list(refused.faults)
    except (ValidationError, NotFound, Closed):  # told of the form itself already
        return None, []
    return scene(done, visit.language), []


def _supposed(values: Values, how: Ways) -> dict[str, Any]:
    """Return budget and forecast; a past campaign goes before a number a day."""
    found = parsing.body(PARTS, values, how)
    forecast = found.get("forecast") or {}
    if "like_campaign" in forecast:
        forecast.pop("likes_per_day", None)
    return {"funded_minor": found.get("funded_minor"), "forecast": forecast}


async def _promise(desk: Desk, slug: str, body: dict[str, Any]) -> Promise:
    """Return the promise that the form makes; of new terms, the campaign's promise under them."""
    if not slug:
        return Promise.model_validate_json(orjson.dumps(body))
    standing = apply_promise.promised(await campaign_commands.find(desk, slug))
    whole = standing.model_dump(mode="json", exclude_none=True) | {"terms": body.get("terms")}
    return Promise.model_validate_json(orjson.dumps(whole))
