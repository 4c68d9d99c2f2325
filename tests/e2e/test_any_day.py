"""The suite passes on any day: tests that meet the real clock run again under a faked one, with their server.

libfaketime (https://github.com/wolfcw/libfaketime) fakes the time of day alone: what waits, waits as always.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ops.clock import utc_now

TESTS = Path(__file__).parents[1]
FAKED_CLOCK = TESTS / "support" / "faked_clock"
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
MISSING = "libfaketime is not here (Debian: faketime)"
BEFORE_SECONDS = 0.35  # a test's database and service are up by then, its first request is under way
CHOSEN = [
    FAKED_CLOCK / "clocks.py",
    "integration/ops/admin/test_campaigns.py::test_without_a_requested_day_it_is_the_first_possible_one",
    "integration/ops/admin/test_campaigns.py::test_an_impossible_day_is_refused_with_the_first_possible_one",
    "integration/ops/admin/test_campaigns.py::test_run_again_on_a_later_day_terms_start_on_the_first_day_then_or_are_refused",
    "integration/ops/http/admin_web/test_pages.py::test_a_promise_is_previewed_asked_for_approved_and_funded",
    "integration/ops/http/admin_web/test_pages.py::test_new_terms_begin_with_what_is_in_force",
    "integration/ops/cli/test_campaign.py::test_a_close_says_why",
    "integration/ops/cli/test_campaign.py::test_a_close_of_what_has_ended_needs_no_reason",
    "integration/ops/cli/test_campaign_preview.py::test_the_table_and_the_sentences",
    "integration/ops/cli/test_registers.py::test_an_account_is_changed_at_once_and_told_by_new_terms",
    "integration/ops/http/api/test_intake.py::test_a_like_that_comes_too_late_or_is_kept",
    "integration/ops/http/web/test_pages.py::test_where_a_campaign_is_in_its_life",
    "integration/ops/admin/test_roles.py::test_the_roles_of_the_table_may_approve",
    "integration/ops/admin/test_proposal_ages.py",
    "e2e/test_readme.py::test_a_sender_of_the_readme_sends_a_like_that_counts",
]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # each is a small suite of its own
Moment = tuple[datetime, bool]  # the second: whether each test begins just before it


def midnight(days_ahead: int, zone: str) -> Moment:
    """Return the midnight with which a day of the zone begins."""
    day = utc_now().astimezone(ZoneInfo(zone)).date() + timedelta(days=days_ahead)
    return datetime.combine(day, time(), ZoneInfo(zone)), True


MOMENTS: dict[str, Moment] = {
    "400 days ahead": (utc_now() + timedelta(days=400), False),
    "across midnight UTC in eleven years": midnight(4_000, "UTC"),
    "across midnight in Shanghai": midnight(400, "Asia/Shanghai"),
}


def environment(library: Path, folder: Path, moment: datetime, *, is_crossed: bool) -> dict[str, str]:
    """Return what fakes the clock of a program and of all that it starts; external servers keep theirs."""
    left_out = ("LIKE_LEDGER_TEST_DATABASE_URL", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER")
    begins = (moment - timedelta(seconds=BEFORE_SECONDS if is_crossed else 0)).timestamp()
    offset = folder / "offset"
    offset.write_text(f"{begins - utc_now().timestamp():+.3f}\n", encoding="ascii")
    offset.chmod(0o644)
    return {
        **{name: value for name, value in os.environ.items() if name not in left_out},
        "LD_PRELOAD": str(library),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "PYTHONPATH": str(FAKED_CLOCK),
        "CLOCK_BEGAN_AT": str(begins),
        **({"EACH_TEST_BEGINS_AT": str(begins)} if is_crossed else {}),
    }


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder that the server's user may pass through, as it may not through those of pytest."""
    made = Path(tempfile.mkdtemp(prefix="like-ledger-clock-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def library() -> Path:
    """Return libfaketime; CI has it, a developer's machine may not."""
    if LIBRARY is None:
        assert os.environ.get("CI") != "true", MISSING
        pytest.skip(MISSING)
    return LIBRARY


@pytest.mark.parametrize(("moment", "is_crossed"), MOMENTS.values(), ids=MOMENTS)
def test_the_suite_passes_on_any_day(library: Path, folder: Path, moment: datetime, *, is_crossed: bool) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "faked_clock", *map(str, CHOSEN)]
    variables = environment(library, folder, moment, is_crossed=is_crossed)
    done = subprocess.run(command, cwd=TESTS, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    summary = done.stdout.splitlines()[-1]
    assert re.fullmatch(r"\d+ passed in .*", summary), f"nothing is left out: {summary}"


def test_every_chosen_test_exists() -> None:
    """Without this a renamed test would be noticed in the long run only."""
    missing = [
        chosen
        for chosen in map(str, CHOSEN)
        if "::" in chosen
        and f"def {chosen.partition('::')[2]}(" not in (TESTS / chosen.partition("::")[0]).read_text(encoding="utf-8")
    ]
    assert missing == []
