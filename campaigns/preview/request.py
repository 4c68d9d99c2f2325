"""The request of a preview: promise, budget and forecast as JSON, or a curve as CSV (RFC 4180).

A refusal names every error at once, each with its path.
"""

import csv
from datetime import date
from io import StringIO
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from campaigns.errors import FieldError, PromiseRefused, invalid_value
from campaigns.preview import forecast
from campaigns.promise import toml_file
from campaigns.promise.model import Minor, Promise, Slug
from ledger.accounting.apportionment import WHOLE_BP

REQUEST_BYTES_MAX = 512 * 1024
CURVE_BYTES_MAX = 256 * 1024
_ROOT_PATH = "preview"  # the path of an error that concerns the whole request
_POINTS_MAX = 3_700  # a point for each day of the longest campaign, and a few before and after it
_FIRST_YEAR, _LAST_YEAR = 2000, 2199
_COLUMNS = ["day", "likes"]


def _check_year(day: date) -> date:
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise invalid_value("year_out_of_range", first_year=_FIRST_YEAR, last_year=_LAST_YEAR)
    return day


LikeCount = Annotated[int, Field(ge=0, le=10**12)]


class _StrictModel(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class CurvePointInput(_StrictModel):
    """A day of a curve and its likes."""

    day: Annotated[date, AfterValidator(_check_year)]
    likes: LikeCount


def _check_order(points: list[CurvePointInput]) -> list[CurvePointInput]:
    misplaced = next((after for before, after in pairwise(points) if after.day <= before.day), None)
    if misplaced:
        raise invalid_value("curve_days_not_ascending", day=misplaced.day)
    return points


Curve = Annotated[list[CurvePointInput], Field(min_length=1, max_length=_POINTS_MAX), AfterValidator(_check_order)]

_FORECAST_METHODS = ("likes_per_day", "curve", "like_campaign")


def _present_schema(method: str) -> dict[str, Any]:
    """Return the JSON Schema of an object in which a forecast method is present and not null."""
    return {"required": [method], "properties": {method: {"not": {"type": "null"}}}}


class Forecast(_StrictModel):
    """The expected likes, by exactly one of three methods; `fakes_bp` of them count for nothing."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_present_schema(name) for name in _FORECAST_METHODS]})

    likes_per_day: LikeCount | None = None
    curve: Curve | None = None
    like_campaign: Slug | None = None
    fakes_bp: Annotated[int, Field(ge=0, le=WHOLE_BP)] = 0

    @model_validator(mode="after")
    def _check_single_method(self) -> Self:
        methods = [name for name in _FORECAST_METHODS if getattr(self, name) is not None]
        if len(methods) != 1:
            raise invalid_value("forecast_needs_one_method", methods_number=len(methods))
        return self

    @property
    def points(self) -> list[forecast.CurvePoint]:
        """The curve's points."""
        return [forecast.CurvePoint(point.day, point.likes) for point in self.curve or ()]


class PreviewRequest(_StrictModel):
    """A promise, a budget and a forecast.

    `funded_minor` is the whole budget, by default the existing one.
    """

    promise: Promise
    funded_minor: Minor | None = None
    forecast: Forecast


def parse_request(body: bytes) -> PreviewRequest:
    """Return the request in a JSON body. Raises PromiseRefused with every error. Pure."""
    if len(body) > REQUEST_BYTES_MAX:
        size = {"request_bytes": len(body), "most_bytes": REQUEST_BYTES_MAX}
        raise PromiseRefused([FieldError(_ROOT_PATH, "request_too_large", size)])
    try:
        return PreviewRequest.model_validate_json(body)
    except ValidationError as error:
        raise PromiseRefused(toml_file.field_errors(error, _ROOT_PATH)) from None


def build_request(promise: Promise, funded_minor: int | None, forecast: dict[str, object]) -> PreviewRequest:
    """Return the request made of these values. Raises PromiseRefused with every error. Pure."""
    try:
        return PreviewRequest.model_validate({"promise": promise, "funded_minor": funded_minor, "forecast": forecast})
    except ValidationError as error:
        raise PromiseRefused(toml_file.field_errors(error, _ROOT_PATH)) from None


def parse_curve_csv(file: bytes) -> list[dict[str, object]]:
    """Return a curve's points from a CSV with the columns day and likes. Pure.

    Raises PromiseRefused with every wrong line.
    """
    if len(file) > CURVE_BYTES_MAX:
        size = {"file_bytes": len(file), "most_bytes": CURVE_BYTES_MAX}
        raise PromiseRefused([FieldError("curve", "file_too_large", size)])
    try:
        rows = list(csv.reader(StringIO(file.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise PromiseRefused([FieldError("curve", "curve_not_csv")]) from None
    if not rows or [cell.strip() for cell in rows[0]] != _COLUMNS:
        raise PromiseRefused([FieldError("line 1", "curve_columns", {"columns": ",".join(_COLUMNS)})])
    return _parse_points(rows)


def _parse_points(rows: list[list[str]]) -> list[dict[str, object]]:
    points, errors = list[dict[str, object]](), list[FieldError]()
    for line, row in enumerate(rows[1:], 2):
        try:
            if row:
                day, likes = (cell.strip() for cell in row)
                points.append({"day": date.fromisoformat(day), "likes": _parse_count(likes)})
        except ValueError:
            errors.append(FieldError(f"line {line}", "curve_line_malformed"))
    if errors:
        raise PromiseRefused(errors)
    return points


def _parse_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(text)
    return int(text)
