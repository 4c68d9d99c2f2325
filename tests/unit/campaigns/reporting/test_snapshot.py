"""The phase of a campaign: one word of its life, the same for pages, API and command line."""

from datetime import datetime, timedelta
from typing import get_args

import pytest

from campaigns.reporting.snapshot import CampaignPhase, campaign_phase
from ops.i18n.language import translate
from promises import NOW, campaign, promise

OPEN, CLOSED = campaign(promise()), campaign(promise(), closed_at=NOW)
STARTS_AT, ENDS_AT = OPEN.calendar.starts_at, OPEN.calendar.ends_at
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("now", "phase"),
    [
        (STARTS_AT - MICROSECOND, "upcoming"),
        (STARTS_AT, "running"),
        (ENDS_AT - MICROSECOND, "running"),
        (ENDS_AT, "ended"),
    ],
)
def test_the_phase_of_a_campaign(now: datetime, phase: CampaignPhase):
    assert campaign_phase(OPEN, now) == phase
    assert campaign_phase(CLOSED, now) == "closed"


def test_the_pages_have_words_for_every_phase():
    for phase in get_args(CampaignPhase):
        assert translate(f"state_{phase}", "en") != translate(f"state_{phase}", "zh")
