"""Every example of the API's description is true: a request is taken as it stands, an answer is what was answered.

The answers stand in ops/site/examples.json, as the service gave them: WRITE_EXAMPLES=1 has them written anew.
"""

import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from clerks import create_tokens
from ops import jobs
from ops.admin import registry
from ops.clock import utc_now
from ops.http.endpoints import document
from serving import SLUG, promise, running_service
from story import (
    RUNNING_SLUG,
    RecordedResponse,
    Story,
    create_campaigns,
    enrol_content,
    manage_registers,
    pay_out,
    send_likes,
    settle_periods,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of this test's payment service
NOWHERE = "http://127.0.0.1:9/payouts"  # it never answers a request; it calls back
KEPT = Path(__file__).parents[2] / "ops/site/examples.json"
MADE = re.compile(r"^(stl|pay|prp|upl|spo|rcp)_[A-Za-z0-9_-]+$|^[A-Z0-9]{23}-\d+$")  # names that differ each time
SECRETS = re.compile(r"^(whsec|llt)_.*$")

pytestmark = pytest.mark.one_server


async def told(own: Any) -> Story:
    """Tell the whole story, and look at everything in the end."""
    story = Story(own)
    await create_campaigns(story)
    receipt = await send_likes(story)
    settlement = await settle_periods(story)
    payout = await pay_out(story, settlement, SECRET)
    places = {"slug": SLUG, "receipt": receipt, "settlement": settlement, "payout": payout}
    places |= {
        "sponsor": await manage_registers(story),
        "upload": await enrol_content(story),
        "schema": "count-1.json",
    }
    await looked_at(story, places)
    await story.run_command("campaign.close", "cat", slug=SLUG)
    return story


async def looked_at(story: Story, places: dict[str, str]) -> None:
    waits = (await story.read("/v1/admin/proposals"))["proposals"][0]["proposal"]
    size = (await story.read("/log/checkpoint")).split("\n")[1]
    places |= {"proposal": waits, "level": "0", "index": f"000.p/{size}", "file": "style.css"}
    lists = {f"/v1/admin{each.path}" for each in registry.LIST_ENDPOINTS}
    for path, methods in document()["paths"].items():
        if "get" in methods and not path.endswith("/stream"):
            await story.read(path, query="?limit=1" if path in lists else "", **places)


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Take nothing that the description does not tell of."""
    return {**schema, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else schema


COMPONENTS = json.loads(json.dumps(document()["components"]), object_hook=closed)


def is_as_described(each: RecordedResponse) -> None:
    """Hold an answer, and the example of it, to the schema."""
    described = document()["paths"][each.path][each.method.lower()]["responses"][str(each.status)]
    ((_, content), *_) = described["content"].items()
    schema = {**json.loads(json.dumps(content["schema"])), "components": COMPONENTS}
    for answer in [each.body, *([content["example"]] if "example" in content else [])]:
        jsonschema.Draft202012Validator(schema).validate(answer)


def plain(answer: Any) -> Any:
    """Return an answer as it is kept: without secrets, and no list longer than two."""
    if isinstance(answer, dict):
        return {name: plain(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [plain(value) for value in answer[:2]]
    return SECRETS.sub(r"\1_…", answer).replace("127.0.0.1", "192.0.2.7") if isinstance(answer, str) else answer


def kept(each: RecordedResponse) -> Any:
    """Return the same of a whole answer: of a table its head and a row."""
    answer = "".join(each.body.splitlines(keepends=True)[:2]) if isinstance(each.body, str) else each.body
    return plain(answer)


def shape(answer: Any) -> Any:
    """Return what is the same of an answer each time: its members."""
    if isinstance(answer, dict):
        return {MADE.sub("made", name): shape(value) for name, value in answer.items()}
    return [shape(value) for value in answer[:1]] if isinstance(answer, list) else None


@pytest.fixture
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_UPLOAD_SECONDS", 3_600)


@pytest.mark.usefixtures("_unhurried")
async def test_every_example_is_what_happens(dsn: str) -> None:
    now, payer = utc_now(), {"payout_secret": SECRET, "payout_url": NOWHERE}
    today = {"slug": RUNNING_SLUG, "starts_at": now - timedelta(days=9), "ends_at": now + timedelta(days=90)}
    async with running_service(dsn, promise(campaign=today), **payer) as own:
        await create_tokens(own.service.pool)
        story = await told(own)
    for each in story.responses:
        is_as_described(each)
    found = {
        f"{each.method} {each.path} {each.status}": kept(each)
        for each in sorted(story.responses, key=lambda each: (each.path, each.method))
        if each.path.startswith(("/v1/admin/", "/v1/receipts/"))
    }
    if os.environ.get("WRITE_EXAMPLES"):
        KEPT.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    known = json.loads(KEPT.read_text(encoding="utf-8"))
    assert {name: shape(answer) for name, answer in known.items()} == {n: shape(a) for n, a in found.items()}
    every = {(method.upper(), path) for path, own in document()["paths"].items() for method in own}
    left = every - {(each.method, each.path) for each in story.responses}
    assert left == {("GET", "/v1/campaigns/{slug}/stream")}  # test_stream.py reads it
