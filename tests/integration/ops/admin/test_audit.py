"""The audit log: searched, exported whole as formula-safe CSV, and append-only."""

import csv
import json
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from admin_client import AdminClient, create_tokens
from ops.admin.core import csv_export
from ops.admin.core.csv_export import format_cell
from ops.cli import app
from running_service import RunningService, environment, running_service
from sql import Connection

FUNDING = "/campaigns/rural-education/funding"


@pytest.fixture
async def server(dsn: str) -> AsyncIterator[RunningService]:
    """Yield a service with a proposal of fay, which olga approved, and one of fred."""
    async with running_service(dsn) as server:
        await create_tokens(server.service.pool)
        fay, fred, olga = (AdminClient(server, name) for name in ("fay", "fred", "olga"))
        _, response = await fay.run_command(FUNDING, {"amount_minor": 5, "reference": "Spring"})
        await olga.approve(response["proposal"])
        await fred.run_command(FUNDING, {"amount_minor": 7, "reference": "autumn"})
        yield server


async def entries(server: RunningService, **filters: str) -> list[tuple[str, str]]:
    status, page = await AdminClient(server, "al").read("/audit", **filters)
    assert status == 200, page
    return [(row["by"], row["command"]) for row in page["audit"]]


async def csv_response(server: RunningService, name: str = "al", **filters: str) -> tuple[int, Any, str]:
    headers = {"Authorization": f"Bearer token-of-{name}"}
    url = f"{server.url}/v1/admin/audit.csv"
    async with server.http.get(url, headers=headers, params=filters) as response:
        return response.status, response.headers, await response.text()


async def test_it_is_searched_by_person_command_and_words(server: RunningService):
    proposal = await server.service.pool.fetchval("SELECT min(proposal_id) FROM audit_log WHERE by = 'fay'")
    assert await entries(server, by="olga") == [("olga", "proposal.approve")]
    assert await entries(server, subject_prefix="campaign/") == [("fay", "campaign.fund")]
    assert await entries(server, subject_prefix="campaign/x") == []
    assert await entries(server, proposal=proposal) == [("fay", "campaign.fund"), ("fay", "proposal.create")]
    assert await entries(server, contains="SPRING") == [("fay", "campaign.fund")]
    assert await entries(server, contains="50%_") == []
    assert await entries(server, command="proposal.create", by="fred") == [("fred", "proposal.create")]
    assert (await AdminClient(server, "al").read("/audit", cursor="W3t9LFsxLDJdXQ"))[0] == 422


async def test_it_is_exported_whole(server: RunningService, monkeypatch: pytest.MonkeyPatch):
    _, page = await AdminClient(server, "al").read("/audit")
    for rows_at_once in (1, 100):
        monkeypatch.setattr(csv_export, "_PAGE_ROWS", rows_at_once)
        status, headers, text = await csv_response(server)
        assert (status, headers["Content-Disposition"]) == (200, 'attachment; filename="audit.csv"')
        rows = list(csv.DictReader(StringIO(text, newline="")))
        assert [row["audit"] for row in rows] == [str(row["audit"]) for row in page["audit"]]
        assert [json.loads(row["after"] or "null") for row in rows] == [row["after"] for row in page["audit"]]
    _, _, text = await csv_response(server, by="olga")
    assert [row["by"] for row in csv.DictReader(StringIO(text, newline=""))] == ["olga"]
    assert (await csv_response(server, by="nobody"))[2].count("\r\n") == 1, "the header alone"


async def test_a_wrong_export_is_refused_before_it_begins(server: RunningService):
    assert (await csv_response(server, "fay"))[0] == 403
    for parameters in ({"colour": "red"}, {"limit": "5"}, {"cursor": "x"}, {"since": "yesterday"}):
        status, _, problem = await csv_response(server, **parameters)
        assert (status, [fault["path"] for fault in json.loads(problem)["faults"]]) == (422, list(parameters))


@pytest.mark.parametrize(
    ("value", "cell"),
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
def test_no_spreadsheet_computes_a_cell(value: Any, cell: str):
    assert format_cell(value) == cell


@pytest.mark.parametrize(
    "change", ["UPDATE audit_log SET by = 'nobody'", "DELETE FROM audit_log", "TRUNCATE audit_log CASCADE"]
)
async def test_it_is_never_changed(server: RunningService, owner: Connection, change: str):
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await owner.execute(change)


def test_the_command_line_lists_and_exports_it(dsn: str, tmp_path: Path):
    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, arguments, env=environment(dsn))

    assert run("token", "create", "--role", "finance", "--name", "ann").exit_code == 0
    rows = json.loads(run("audit", "list", "--subject-prefix", "token/", "--json").stdout)["audit"]
    assert [(row["by"], row["entry_point"], row["subject"]) for row in rows] == [
        ("operator", "command line", "token/ann")
    ]
    assert "token.create" in run("audit", "list").stdout
    assert run("audit", "export", str(tmp_path / "audit.csv")).exit_code == 0
    content = (tmp_path / "audit.csv").read_bytes()
    assert content == run("audit", "export").stdout_bytes
    assert b"token/ann" in content
    problem = run("audit", "list", "--since", "yesterday")
    assert (problem.exit_code, "since: Give a time" in problem.stderr) == (1, True)
