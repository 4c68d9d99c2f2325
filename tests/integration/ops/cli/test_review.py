"""The command line of review: list, show and decide cases, as the operator and as a person with a token."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner, Result

from admin_client import create_tokens
from ops.cli import app
from reviewed_cases import like_states, open_case, send_likes, store_rules
from running_service import KEYS, RunningService, promise, running_service


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    async with running_service(dsn, promise(terms={"rate": {"amount_minor": 1, "per_likes": 1}})) as running:
        await create_tokens(running.service.pool)
        await store_rules(running)
        yield running


async def run(dsn: str, *words: str) -> Result:
    environment = {
        "LIKE_LEDGER_DATABASE_URL": dsn,
        "LIKE_LEDGER_PSEUDONYM_KEY": KEYS.pseudonym.hex(),
        "LIKE_LEDGER_WEBHOOK_KEY": KEYS.webhook.hex(),
    }
    return await asyncio.to_thread(CliRunner().invoke, app, ["review", *words], env=environment)


async def test_a_case_is_listed_shown_tried_and_decided(dsn: str, server: RunningService):
    case = await open_case(server, await send_likes(server, [f"farm {n}" for n in range(6)]))
    listed = json.loads((await run(dsn, "cases", "--state", "open", "--json")).stdout)
    assert [(row["case"], row["money"]["minor"]) for row in listed["cases"]] == [(case, 6)]
    output = (await run(dsn, "show", case)).stdout
    assert "6 accounts used one device, 6 of them within 7 days." in output
    assert "if released: +6 likes, 0.06 CNY" in output
    tried = await run(dsn, "release", case, "--reason", "a class", "--dry-run")
    assert (tried.exit_code, tried.stdout) == (
        0, "would be released\n6 likes; the amount due changes by 0.06\n"
    )  # fmt: skip
    assert await like_states(server) == {"quarantined": 6}
    assert (await run(dsn, "note", case, "asked the platform")).exit_code == 0
    assert (await run(dsn, "void", case, "--reason", "one phone")).exit_code == 0
    assert await like_states(server) == {"void": 6}
    again = await run(dsn, "void", case, "--reason", "one phone")
    assert (again.exit_code, "is decided already" in again.stderr) == (1, True)


async def test_a_person_decides_with_a_token_and_needs_a_second_one(dsn: str, server: RunningService):
    case = await open_case(server, await send_likes(server, [f"farm {n}" for n in range(6)]))
    refused = await run(dsn, "void", case, "--reason", "x", "--as", "cat", "--token", "token-of-cat")
    assert refused.exit_code == 1
    result = await run(dsn, "void", case, "--reason", "x", "--as", "rita", "--token", "token-of-rita")
    assert (result.exit_code, result.stdout.startswith("a second person must approve")) == (0, True), result.stderr
    assert await like_states(server) == {"quarantined": 6}


async def test_an_unknown_case_and_state_are_refused(dsn: str, server: RunningService):
    assert "There is no case cas_x" in (await run(dsn, "show", "cas_x")).stderr
    assert (await run(dsn, "cases", "--state", "new")).exit_code == 1
