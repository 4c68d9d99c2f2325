"""The README's examples do what it says: its three senders send, its figures are those of the program."""

import asyncio
import os
import re
import sys
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from campaigns.intake.like_state import REASONS, Outcome
from campaigns.pledging.arithmetic import due, earned
from campaigns.promise.model import Promise
from campaigns.promise.terms import Terms
from ledger.accounting.apportionment import split
from ops.clock import utc_now
from serving import SLUG, Running, promise, running

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
DAYS = [date(2022, 4, day) for day in (8, 9, 10)]


def snippet(name: str) -> str:
    """Return the code that stands under `<!-- snippet: NAME -->`."""
    found = re.search(rf"<!-- snippet: {name} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, name
    return found[1]


def open_today() -> Promise:
    """Return a promise that runs now, as the demonstration's does."""
    today = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    return promise({"starts_at": today - timedelta(days=3), "ends_at": today + timedelta(days=3)})


async def output(command: list[str], service: Running) -> str:
    """Return what a command prints that finds the service as the README says."""
    told = {
        "LEDGER_URL": service.url,
        "PLATFORM": service.platform,
        "CAMPAIGN": SLUG,
        "WEBHOOK_SECRET": service.secret,
    }
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | told, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, faults = await process.communicate()
    assert process.returncode == 0, faults.decode() + printed.decode()
    return printed.decode()


@pytest.mark.parametrize("name", ["library", "standard-library", "curl"])
async def test_a_sender_of_the_readme_sends_a_like_that_counts(dsn: str, name: str) -> None:
    program = ["sh", "-eu", "-c"] if name == "curl" else [sys.executable, "-c"]
    async with running(dsn, open_today()) as service:
        assert '"outcomes":{"counted":1}' in await output([*program, snippet(name)], service)
        assert '"outcomes":{"duplicate":1}' in await output([*program, snippet(name)], service)
        assert await service.day_counts() == {"counted": 1, "duplicate": 1}


def test_the_worked_example_is_worked_out_so() -> None:
    terms = Terms(1, DAYS[0], amount_minor=1, per_likes=3, daily_cap_minor=500)
    counted = dict(zip(DAYS, (1000, 2000, 2), strict=True))
    rows = re.findall(r"^\| \d \| ([\d,]+) \|.*\| (\d+) \|$", README, re.MULTILINE)
    assert [(likes.replace(",", ""), minor) for likes, minor in rows] == [
        (str(counted[day]), str(due([terms], counted, 7000, day))) for day in DAYS
    ]
    assert earned(terms, 1000) == 333 + Fraction(1, 3)
    assert split(834, [7000, 3000]) == [584, 250]
    assert "are 584 and 250" in README


def test_the_outcomes_are_told_in_the_words_of_the_answers() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", README, re.MULTILINE))
    in_other_words = {Outcome.INVALID, Outcome.IN_FUTURE}
    assert {o: rows[o.value] for o in Outcome if o not in in_other_words} == {
        o: reason for o, reason in REASONS.items() if o not in in_other_words
    }


def test_what_the_readme_links_to_is_there() -> None:
    root = Path(__file__).resolve().parents[2]
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert [path for path in linked if not (root / path).exists()] == []
