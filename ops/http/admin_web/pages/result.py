"""What a command did, on a page of its own: it may be asked for again, and does nothing again."""

import orjson
from aiohttp import web

from campaigns.errors import NotFound
from ops.admin import registry
from ops.admin.core import idempotency
from ops.admin.core.execute import Answer
from ops.http.admin_web import command_links
from ops.http.admin_web.context import Visit
from ops.http.admin_web.table_cells import place_of, subject
from ops.i18n import labels

_SETTLEMENT = "stl_"


async def answer(visit: Visit) -> web.Response:
    """Show what a command of the visitor's did."""
    async with visit.desk() as desk:
        known = await idempotency.known(desk.conn, visit.actor.name, visit.request.match_info["key"])
    if known is None:
        raise NotFound("there is no such answer of yours")
    return answered(visit, orjson.loads(known))


def answered(visit: Visit, done: Answer) -> web.Response:
    """Return the page of an answer."""
    name = done["command"]
    return visit.page(
        "answer",
        answer=done,
        title=command_links.title(registry.find(name), visit),
        worded=labels.worded(done["differences"], visit.language),
        subject=place_of(done["subject"]),
        subject_said=subject(done["subject"], visit.language),
        made=[place_of(f"settlement/{each}") for each in done["after"] or {} if each.startswith(_SETTLEMENT)],
        waits_for=labels.known("second", done["waits_for"], visit.language, done["waits_for"])
        if done["waits_for"]
        else None,
    )
