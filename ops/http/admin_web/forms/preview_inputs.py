"""What a preview supposes beside the promise: a budget, and the likes to expect."""

from typing import Annotated

from pydantic import BaseModel, Field

from campaigns.promise.model import Minor, Slug
from ledger.accounting.apportionment import WHOLE_BP
from ops.http.admin_web.forms.schema import parts_of

Likes = Annotated[int, Field(ge=0, le=10**12)]
BUDGET = "10000"  # what a form for a new promise supposes to begin with, in major units


class Expected(BaseModel):
    """The likes to expect: so many a day, or those of a past campaign."""

    likes_per_day: Likes | None = 10_000
    like_campaign: Slug | None = None
    fakes_bp: Annotated[int, Field(ge=0, le=WHOLE_BP)] = 0


class Supposed(BaseModel):
    """What a preview supposes beside the promise."""

    funded_minor: Minor | None = None
    forecast: Expected


PARTS = parts_of(Supposed)
