"""What a preview is asked with: a promise, a budget and a forecast, as JSON, and a curve as CSV (RFC 4180).

Everything that is wrong is told at once, each fault with its path.
"""

import csv
from datetime import date
from io import StringIO
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from campaigns.errors import FieldError, PromiseRefused
from campaigns.preview import forecast
from campaigns.promise import toml_file
from campaigns.promise.model import Minor, Promise, Slug
from ledger.accounting.apportionment import WHOLE_BP

REQUEST_BYTES_MAX = 512 * 1024
CURVE_BYTES_MAX = 256 * 1024
_ROOT_PATH = "preview"  # the path of what concerns all of it
_POINTS_MAX = 3_700  # a point for each day of the longest campaign, and some before and after it
_FIRST_YEAR, _LAST_YEAR = 2000, 2199
_COLUMNS = ["day", "likes"]


def _check_year(day: date) -> date:
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError(f"the year must lie between {_FIRST_YEAR} and {_LAST_YEAR}")
    return day


LikeCount = Annotated[int, Field(ge=0, le=10**12)]


class _StrictModel(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class CurvePointInput(_StrictModel):
    """A day of a curve and its likes."""

    day: Annotated[date, AfterValidator(_check_year)]
    likes: LikeCount


def _check_order(points: list[CurvePointInput]) -> list[CurvePointInput]:
    wrong = next((after for before, after in pairwise(points) if after.day <= before.day), None)
    if wrong:
        raise ValueError(f"each day must come after the one before it: {wrong.day} does not")
    return points


Curve = Annotated[list[CurvePointInput], Field(min_length=1, max_length=_POINTS_MAX), AfterValidator(_check_order)]


_FORECAST_METHODS = ("likes_per_day", "curve", "like_campaign")


def _present_schema(method: str) -> dict[str, Any]:
    """Return what JSON Schema calls a way that is there and not null."""
    return {"required": [method], "properties": {method: {"not": {"type": "null"}}}}


class Forecast(_StrictModel):
    """The likes to expect, in one of three ways; of them `fakes_bp` basis points count for nothing."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_present_schema(way) for way in _FORECAST_METHODS]})

    likes_per_day: LikeCount | None = None
    curve: Curve | None = None
    like_campaign: Slug | None = None
    fakes_bp: Annotated[int, Field(ge=0, le=WHOLE_BP)] = 0

    @model_validator(mode="after")
    def _check_single_method(self) -> Self:
        given = [way for way in _FORECAST_METHODS if getattr(self, way) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of likes_per_day, curve and like_campaign, not {len(given)}")
        return self

    @property
    def points(self) -> list[forecast.CurvePoint]:
        """The curve's points."""
        return [forecast.CurvePoint(point.day, point.likes) for point in self.curve or ()]


class PreviewRequest(_StrictModel):
    """`funded_minor` is the whole budget; left out for a campaign that exists, it is what was funded."""

    promise: Promise
    funded_minor: Minor | None = None
    forecast: Forecast


def parse_request(body: bytes) -> PreviewRequest:
    """Return what is asked for. PromiseRefused names every fault."""
    if len(body) > REQUEST_BYTES_MAX:
        reason = f"the request has {len(body)} bytes, at most {REQUEST_BYTES_MAX} are read"
        raise PromiseRefused([FieldError(_ROOT_PATH, reason)])
    try:
        return PreviewRequest.model_validate_json(body)
    except ValidationError as error:
        raise PromiseRefused(toml_file.field_errors(error, _ROOT_PATH)) from None


def build_request(promise: Promise, funded_minor: int | None, forecast: dict[str, object]) -> PreviewRequest:
    """Return the request that the values make. PromiseRefused names every fault."""
    asked = {"promise": promise, "funded_minor": funded_minor, "forecast": forecast}
    try:
        return PreviewRequest.model_validate(asked)
    except ValidationError as error:
        raise PromiseRefused(toml_file.field_errors(error, _ROOT_PATH)) from None


def parse_curve_csv(file: bytes) -> list[dict[str, object]]:
    """Return a curve's points of a CSV with the columns day and likes. PromiseRefused names each wrong line."""
    if len(file) > CURVE_BYTES_MAX:
        raise PromiseRefused(
            [FieldError("curve", f"the file has {len(file)} bytes, at most {CURVE_BYTES_MAX} are read")]
        )
    try:
        rows = list(csv.reader(StringIO(file.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise PromiseRefused([FieldError("curve", "the file is no CSV in UTF-8")]) from None
    if not rows or [cell.strip() for cell in rows[0]] != _COLUMNS:
        raise PromiseRefused([FieldError("line 1", "the columns are day,likes")])
    return _parse_points(rows)


def _parse_points(rows: list[list[str]]) -> list[dict[str, object]]:
    points, wrong = list[dict[str, object]](), list[FieldError]()
    for line, row in enumerate(rows[1:], 2):
        try:
            if row:
                day, likes = (cell.strip() for cell in row)
                points.append({"day": date.fromisoformat(day), "likes": _parse_count(likes)})
        except ValueError:
            wrong.append(
                FieldError(f"line {line}", "a line is a day such as 2026-12-01, a comma, and a whole number of likes")
            )
    if wrong:
        raise PromiseRefused(wrong)
    return points


def _parse_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(text)
    return int(text)
