"""Preview inputs outside the promise: budget and expected likes."""

from typing import Annotated

from pydantic import BaseModel, Field

from campaigns.promise.model import Minor, Slug
from ledger.accounting.apportionment import WHOLE_BP
from ops.http.admin_web.forms.schema import form_schema

LikeCount = Annotated[int, Field(ge=0, le=10**12)]
DEFAULT_BUDGET = "10000"  # major units, in the form of a new promise


class ExpectedLikes(BaseModel):
    """The expected likes: a number per day, or those of a past campaign."""

    likes_per_day: LikeCount | None = 10_000
    like_campaign: Slug | None = None
    fakes_bp: Annotated[int, Field(ge=0, le=WHOLE_BP)] = 0


class PreviewInputs(BaseModel):
    """The inputs of a preview outside the promise."""

    funded_minor: Minor | None = None
    forecast: ExpectedLikes


PREVIEW_PARTS = form_schema(PreviewInputs)
