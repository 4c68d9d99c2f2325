"""The examples of the OpenAPI document: requests are accepted unchanged, responses are real.

`ops/site/examples.json` has the responses; `WRITE_EXAMPLES=1` records them again. That run fails if
the old ones no longer fit the schemas; the next run passes.
"""

import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from admin_client import create_tokens
from ops import jobs
from ops.admin import registry
from ops.clock import utc_now
from ops.http.endpoints import document
from running_service import SLUG, RunningService, create_funded_campaign, promise, running_service
from story import (
    CHALLENGE,
    JUDGED_SLUG,
    PAGE,
    RUNNING_SLUG,
    RecordedResponse,
    Story,
    create_campaigns,
    decide_appeals,
    enrol_content,
    manage_registers,
    pay_out,
    review_cases,
    send_likes,
    settle_periods,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of this test's payment service
UNREACHABLE_URL = "http://127.0.0.1:9/payouts"  # the payment service never responds, but calls back
EXAMPLES_FILE = Path(__file__).parents[2] / "ops/site/examples.json"
GENERATED_ID = re.compile(r"^(stl|pay|prp|upl|spo|rcp|cas)_[A-Za-z0-9_-]+$|^[A-Z0-9]{23}-\d+$")
SECRETS = re.compile(r"^(whsec|llt)_.*$")
LIST_EXAMPLE_ROWS = 2
INTAKE = "/v1/platforms/{platform}/likes"

pytestmark = pytest.mark.one_server


async def run_story(server: RunningService) -> Story:
    """Run the whole story, and read everything at its end."""
    story = Story(server)
    await create_campaigns(story)
    receipt = await send_likes(story)
    settlement = await settle_periods(story)
    payout = await pay_out(story, settlement, SECRET)
    path_parameters = {"slug": SLUG, "receipt": receipt, "settlement": settlement, "payout": payout}
    path_parameters |= {
        "sponsor": await manage_registers(story),
        "upload": await enrol_content(story),
        "case": await review_cases(story),
        "schema": "count-1.json",
        "platform": PAGE,
    }
    await decide_appeals(story)
    await read_everything(story, path_parameters)
    await story.run_command("campaign.close", "cat", slug=SLUG)
    return story


async def read_everything(story: Story, path_parameters: dict[str, str]) -> None:
    proposal = (await story.read("/v1/admin/proposals"))["proposals"][0]["proposal"]
    size = (await story.read("/log/checkpoint")).split("\n")[1]
    path_parameters |= {"proposal": proposal, "level": "0", "index": f"000.p/{size}", "file": "style.css"}
    lists = {f"/v1/admin{endpoint.path}" for endpoint in registry.LIST_ENDPOINTS}
    for path, methods in document()["paths"].items():
        if "get" in methods and not path.endswith("/stream"):
            query = "?limit=1" if path in lists else CHALLENGE if path == INTAKE else ""
            await story.read(path, query=query, **path_parameters)


def forbid_extra_members(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that rejects members which the document does not describe."""
    return {**schema, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else schema


COMPONENTS = json.loads(json.dumps(document()["components"]), object_hook=forbid_extra_members)


def assert_fits_schema(response: RecordedResponse) -> None:
    """Validate a response, and the document's example of it."""
    operation = document()["paths"][response.path][response.method.lower()]
    ((_, content), *_) = operation["responses"][str(response.status)]["content"].items()
    schema = {**json.loads(json.dumps(content["schema"])), "components": COMPONENTS}
    for body in [response.body, *([content["example"]] if "example" in content else [])]:
        jsonschema.Draft202012Validator(schema).validate(body)


def example_of(response: RecordedResponse) -> Any:
    """Return the example to record: of a table, its header and one row."""
    body = response.body
    return shorten("".join(body.splitlines(keepends=True)[:2]) if isinstance(body, str) else body)


def shorten(value: Any) -> Any:
    """Return a value without secrets and without long lists."""
    if isinstance(value, dict):
        return {name: shorten(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shorten(item) for item in value[:LIST_EXAMPLE_ROWS]]
    return SECRETS.sub(r"\1_…", value).replace("127.0.0.1", "192.0.2.7") if isinstance(value, str) else value


def shape(value: Any) -> Any:
    """Return the part of a value that is the same in every run: the names of its members."""
    if isinstance(value, dict):
        return {GENERATED_ID.sub("generated", name): shape(member) for name, member in value.items()}
    return [shape(item) for item in value[:1]] if isinstance(value, list) else None


@pytest.fixture
def _uploads_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_UPLOAD_SECONDS", 3_600)


@pytest.mark.usefixtures("_uploads_wait")
async def test_every_example_request_is_accepted_and_every_example_response_is_real(dsn: str) -> None:
    now, channel = utc_now(), {"payout_secret": SECRET, "payout_url": UNREACHABLE_URL}
    today = {"slug": RUNNING_SLUG, "starts_at": now - timedelta(days=9), "ends_at": now + timedelta(days=90)}
    async with running_service(dsn, promise(campaign=today), **channel) as server:
        await create_tokens(server.service.pool)
        await create_funded_campaign(
            server.service.pool, promise(campaign={**today, "slug": JUDGED_SLUG}, rules="standard")
        )
        story = await run_story(server)
    examples = {
        f"{response.method} {response.path} {response.status}": example_of(response)
        for response in sorted(story.responses, key=lambda response: (response.path, response.method))
        if response.path.startswith(("/v1/admin/", "/v1/receipts/"))
    }
    if os.environ.get("WRITE_EXAMPLES"):
        EXAMPLES_FILE.write_text(json.dumps(examples, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for response in story.responses:
        assert_fits_schema(response)
    recorded = json.loads(EXAMPLES_FILE.read_text(encoding="utf-8"))
    assert {n: shape(example) for n, example in recorded.items()} == {n: shape(e) for n, e in examples.items()}
    described = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    not_called = described - {(response.method, response.path) for response in story.responses}
    assert not_called == {("GET", "/v1/campaigns/{slug}/stream")}  # test_totals_stream.py reads it
