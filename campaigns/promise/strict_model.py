"""The base of every part of a promise: nothing unknown, nothing converted, nothing changed later."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """A model that refuses unknown members and values of another type."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
