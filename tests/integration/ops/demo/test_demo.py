"""`like-ledger demo` as it is run: on its own database, twice over the same folder, and leaving nothing behind."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from processes import ROOT, folder_processes, wait_until_ended

LIKES = 1_500
PAYDAY = ("settled, every run", "paid, by the bank's statements", "returned by the bank")


async def start_demo(folder: Path, *options: str, **settings: str) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIKE_LEDGER_")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ops.cli", "demo", "--json", "--likes", str(LIKES), *options),
        cwd=ROOT,
        env={"LIKE_LEDGER_DATA_DIR": str(folder), "LIKE_LEDGER_PORT": "0"} | environment | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def read_output(folder: Path) -> dict[str, Any]:
    process = await start_demo(folder, "--exit")
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return dict(json.loads(out))


def actual(run: dict[str, Any], name: str) -> int:
    return int(next(figure["actual"] for figure in run["figures"] if figure["name"] == name))


async def test_it_is_right_and_goes_on_in_the_same_folder(tmp_path: Path):
    first, second = await read_output(tmp_path), await read_output(tmp_path)
    assert (first["holds"], second["holds"]) == (True, True)
    assert first["campaign"] == second["campaign"]
    assert actual(second, "counted, every run") == actual(first, "counted") + actual(second, "counted")
    assert actual(second, "pledged, every run") > actual(first, "pledged, every run") > 0
    settled, paid, back = (actual(first, name) for name in PAYDAY)
    assert settled == paid + back > back > 0
    assert [actual(second, name) for name in PAYDAY] == [settled, 0, 0]  # of the same day: nothing more is due
    assert (len(first["receipts"]) >= 2, second["receipts"]) == (True, [])
    assert wait_until_ended(folder_processes(tmp_path))


async def test_the_rules_stop_fakes_and_spare_honest_people(tmp_path: Path):
    *attacks, honest = (await read_output(tmp_path))["authenticity"]
    sent, stopped = (sum(attack[name] for attack in attacks) for name in ("sent", "stopped"))
    assert 2 * stopped >= sent > 0
    assert (honest["kind"], 20 * honest["stopped"] <= honest["sent"]) == ("honest", True)


async def test_it_serves_its_page_until_it_is_told_to_end(tmp_path: Path):
    process = await start_demo(tmp_path)
    assert process.stdout is not None
    output = b""
    while not output.endswith(b"\n}\n"):
        output += await process.stdout.readline()
    servers, run = folder_processes(tmp_path), json.loads(output)
    async with aiohttp.ClientSession() as session:
        async with session.get(run["page"]) as page:
            assert (page.status, page.content_type) == (200, "text/html")
            assert 'id="authenticity"' in await page.text()
        headers = {"Authorization": f"Bearer {run['owner_token']}"}
        async with session.get(run["review"].replace("/admin/", "/v1/admin/") + "/cases", headers=headers) as cases:
            assert (await cases.json())["cases"]
    process.terminate()
    assert await process.wait() == 0
    assert servers
    assert wait_until_ended(servers)


@pytest.mark.parametrize("setting", ["LIKE_LEDGER_DATABASE_URL"])
async def test_it_touches_no_database_but_its_own(tmp_path: Path, setting: str):
    process = await start_demo(tmp_path, "--exit", **{setting: "postgresql://example.invalid/production"})
    _, err = await process.communicate()
    assert process.returncode == 2
    assert f"unset {setting}" in " ".join(err.decode().split())
