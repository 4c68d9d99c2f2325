"""The audit: searched, exported whole as CSV that no spreadsheet computes, and never changed."""

import csv
import json
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from clerks import AdminClient, create_tokens
from ops.admin.core import csv_export
from ops.admin.core.csv_export import format_cell
from ops.cli import app
from serving import RunningService, environment, running_service
from sql import Connection

FUNDING = "/campaigns/rural-education/funding"


@pytest.fixture
async def served(dsn: str) -> AsyncIterator[RunningService]:
    """Yield a service where fay and fred asked for money, and olga agreed to one of it."""
    async with running_service(dsn) as own:
        await create_tokens(own.service.pool)
        fay, fred, olga = (AdminClient(own, name) for name in ("fay", "fred", "olga"))
        _, asked = await fay.run_command(FUNDING, {"amount_minor": 5, "reference": "Spring"})
        await olga.approve(asked["proposal"])
        await fred.run_command(FUNDING, {"amount_minor": 7, "reference": "autumn"})
        yield own


async def _found(served: RunningService, **filters: str) -> list[tuple[str, str]]:
    status, page = await AdminClient(served, "al").read("/audit", **filters)
    assert status == 200, page
    return [(row["by"], row["command"]) for row in page["audit"]]


async def _table(served: RunningService, name: str = "al", **filters: str) -> tuple[int, Any, str]:
    headers = {"Authorization": f"Bearer token-of-{name}"}
    url = f"{served.url}/v1/admin/audit.csv"
    async with served.http.get(url, headers=headers, params=filters) as answer:
        return answer.status, answer.headers, await answer.text()


async def test_it_is_searched_by_who_what_and_words(served: RunningService):
    proposal = await served.service.pool.fetchval("SELECT min(proposal_id) FROM audit_log WHERE by = 'fay'")
    assert await _found(served, by="olga") == [("olga", "proposal.approve")]
    assert await _found(served, under="campaign/") == [("fay", "campaign.fund")]
    assert await _found(served, under="campaign/x") == []
    assert await _found(served, proposal=proposal) == [("fay", "campaign.fund"), ("fay", "proposal.ask")]
    assert await _found(served, says="SPRING") == [("fay", "campaign.fund")]
    assert await _found(served, says="50%_") == []
    assert await _found(served, command="proposal.ask", by="fred") == [("fred", "proposal.ask")]
    assert (await AdminClient(served, "al").read("/audit", cursor="W3t9LFsxLDJdXQ"))[0] == 422


async def test_it_is_exported_whole(served: RunningService, monkeypatch: pytest.MonkeyPatch):
    _, page = await AdminClient(served, "al").read("/audit")
    for rows_at_once in (1, 100):
        monkeypatch.setattr(csv_export, "_PAGE_ROWS", rows_at_once)
        status, headers, text = await _table(served)
        assert (status, headers["Content-Disposition"]) == (200, 'attachment; filename="audit.csv"')
        rows = list(csv.DictReader(StringIO(text, newline="")))
        assert [row["audit"] for row in rows] == [str(row["audit"]) for row in page["audit"]]
        assert [json.loads(row["after"] or "null") for row in rows] == [row["after"] for row in page["audit"]]
    _, _, text = await _table(served, by="olga")
    assert [row["by"] for row in csv.DictReader(StringIO(text, newline=""))] == ["olga"]
    assert (await _table(served, by="nobody"))[2].count("\r\n") == 1, "the header alone"


async def test_what_cannot_be_exported_is_refused_before_it_begins(served: RunningService):
    assert (await _table(served, "fay"))[0] == 403
    for wrong in ({"colour": "red"}, {"limit": "5"}, {"cursor": "x"}, {"since": "yesterday"}):
        status, _, refused = await _table(served, **wrong)
        assert (status, [fault["path"] for fault in json.loads(refused)["faults"]]) == (422, list(wrong))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@a", "'@a"),
        ("\t=1", "'\t=1"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        ({"a": "=1"}, '{"a":"=1"}'),
        (None, ""),
        (7, "7"),
    ],
)
def test_no_spreadsheet_computes_a_cell(value: Any, shown: str):
    assert format_cell(value) == shown


@pytest.mark.parametrize(
    "change", ["UPDATE audit_log SET by = 'nobody'", "DELETE FROM audit_log", "TRUNCATE audit_log CASCADE"]
)
async def test_it_is_never_changed(served: RunningService, owner: Connection, change: str):
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await owner.execute(change)


def test_the_command_line_lists_and_exports_it(dsn: str, tmp_path: Path):
    def run(*words: str) -> Any:
        return CliRunner().invoke(app, words, env=environment(dsn))

    assert run("token", "create", "--role", "finance", "--name", "ann").exit_code == 0
    listed = json.loads(run("audit", "list", "--under", "token/", "--json").stdout)["audit"]
    assert [(row["by"], row["door"], row["subject"]) for row in listed] == [("operator", "command line", "token/ann")]
    assert "token.create" in run("audit", "list").stdout
    assert run("audit", "export", str(tmp_path / "audit.csv")).exit_code == 0
    written = (tmp_path / "audit.csv").read_bytes()
    assert written == run("audit", "export").stdout_bytes
    assert b"token/ann" in written
    refused = run("audit", "list", "--since", "yesterday")
    assert (refused.exit_code, "since: a moment" in refused.stderr) == (1, True)
