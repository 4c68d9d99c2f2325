"""The examples of the documents work: the three senders send, the figures are those of the program."""

import asyncio
import os
import re
import sys
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from campaigns.intake.like_state import REASONS, Outcome
from campaigns.pledging.arithmetic import day_earnings, due
from campaigns.promise.model import Promise
from campaigns.promise.terms import Terms
from docs.generators.markdown import sentence
from docs.generators.parts import fill
from ledger.accounting.apportionment import apportion
from ops.clock import utc_now
from running_service import SLUG, RunningService, promise, running_service

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONNECT = (ROOT / "docs/connect.md").read_text(encoding="utf-8")
DAYS = [date(2022, 4, day) for day in (8, 9, 10)]


def snippet(name: str) -> str:
    """Return the code under `<!-- snippet: NAME -->`."""
    match = re.search(rf"<!-- snippet: {name} -->\n```\w+\n(.*?)```", README + CONNECT, re.DOTALL)
    assert match, name
    return match[1]


def open_today() -> Promise:
    """Return a promise that runs now, as the demonstration's does."""
    today = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    return promise({"starts_at": today - timedelta(days=3), "ends_at": today + timedelta(days=3)})


async def output(command: list[str], service: RunningService) -> str:
    """Return what a command prints in the environment that the README describes."""
    environment = {
        "LEDGER_URL": service.url,
        "PLATFORM": service.platform,
        "CAMPAIGN": SLUG,
        "WEBHOOK_SECRET": service.secret,
    }
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, faults = await process.communicate()
    assert process.returncode == 0, faults.decode() + printed.decode()
    return printed.decode()


@pytest.mark.parametrize("name", ["library", "standard-library", "curl"])
async def test_a_sender_of_the_readme_sends_a_like_that_counts(dsn: str, name: str) -> None:
    program = ["sh", "-eu", "-c"] if name == "curl" else [sys.executable, "-c"]
    async with running_service(dsn, open_today()) as service:
        assert '"outcomes":{"counted":1}' in await output([*program, snippet(name)], service)
        assert '"outcomes":{"duplicate":1}' in await output([*program, snippet(name)], service)
        assert await service.day_counts() == {"counted": 1, "duplicate": 1}


def test_the_worked_example_is_right() -> None:
    terms = Terms(1, DAYS[0], amount_minor=1, per_likes=3, daily_cap_minor=500)
    counted = dict(zip(DAYS, (1000, 2000, 2), strict=True))
    rows = re.findall(r"^\| \d \| ([\d,]+) \|.*\| (\d+) \|$", README, re.MULTILINE)
    assert [(likes.replace(",", ""), minor) for likes, minor in rows] == [
        (str(counted[day]), str(due([terms], counted, 7000, day))) for day in DAYS
    ]
    assert day_earnings(terms, 1000) == 333 + Fraction(1, 3)
    assert apportion(834, [7000, 3000]) == [584, 250]
    assert "are 584 and 250" in README


def test_the_outcomes_have_the_words_of_the_responses() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", fill(CONNECT), re.MULTILINE)
    documented = {name: text for name, text in rows if name in set(Outcome)}
    assert documented == {outcome.value: sentence(reason) for outcome, reason in REASONS.items()}


def test_the_connect_page_shows_the_snippet_of_the_readme() -> None:
    assert snippet("library") in fill(CONNECT)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_what_a_document_links_to_is_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    linked = ["".join(target.split()) for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text)]
    assert linked
    assert [path for path in linked if not (ROOT / path).exists()] == []


def test_the_readme_stays_short() -> None:
    assert len(README.splitlines()) <= 150
