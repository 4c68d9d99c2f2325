"""A form that was filled in becomes a command's body, and a body a form that is filled in. Pure.

What cannot be read is handed on as it was typed, so that the command's own model says what is wrong, at its path.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ledger.money import exponent, format_minor
from ops.http.admin_web.forms.schema import Field, FieldList, Group, Kind, Part, with_row_number
from ops.i18n.formats import BP_DIGITS, format_basis_points

ROWS_MAX = 100
_DIGITS_MAX = 18
FormValues = Mapping[str, str]


class InputFormat(NamedTuple):
    """How money and moments are written in a form."""

    currency: str = ""  # none: money is typed in minor units
    timezone: str = "UTC"

    @property
    def digits(self) -> int:
        """The digits after the point of an amount."""
        try:
            return exponent(self.currency) if self.currency else 0
        except ValueError:
            return 0

    @property
    def zone(self) -> ZoneInfo:
        """The time zone; UTC where there is none of that name."""
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo("UTC")


def resolve_input_format(values: FormValues, fallback: InputFormat) -> InputFormat:
    """Return how the form that makes a campaign says that money and moments are written, or the fallback."""
    currency = values.get("campaign.currency", "").strip() or fallback.currency
    return InputFormat(currency, values.get("campaign.timezone", "").strip() or fallback.timezone)


def to_body(parts: Iterable[Part], values: FormValues, input_format: InputFormat) -> dict[str, Any]:
    """Return the body that the form says; what is left blank is left out."""
    found: dict[str, Any] = {}
    for part in parts:
        name, value = part.path.rpartition(".")[2], _part_value(part, values, input_format)
        if value is not None:
            found[name] = value
    return found


def _part_value(part: Part, values: FormValues, input_format: InputFormat) -> Any:
    match part:
        case Field():
            return _parse_input(part, values.get(part.path, ""), input_format)
        case Group():
            is_blank = all(not values.get(each, "").strip() for each in values if each.startswith(f"{part.path}."))
            return None if is_blank and not part.is_required else to_body(part.parts, values, input_format)
        case FieldList():
            rows = (with_row_number(part.row, number) for number in range(row_count(part, values)))
            return [_part_value(row, values, input_format) for row in rows]


def row_count(part: FieldList, values: FormValues) -> int:
    """Return how many rows a form has: one at least."""
    prefix = f"{part.path}."
    numbers = (each.removeprefix(prefix).partition(".")[0] for each in values if each.startswith(prefix))
    return min(max((int(each) for each in numbers if each.isdecimal() and len(each) <= 3), default=0) + 1, ROWS_MAX)  # noqa: PLR2004


def _parse_input(field: Field, raw: str, input_format: InputFormat) -> Any:
    given = raw.strip()
    if field.kind is Kind.FLAG:
        return bool(given)
    if not given:
        return None
    read = _PARSERS.get(field.kind)
    return read(given, input_format) if read else given


def _parse_integer(digits: str, fallback: str) -> int | str:
    plain = digits.removeprefix("-")
    return int(digits) if plain.isascii() and plain.isdecimal() and len(plain) <= _DIGITS_MAX else fallback


def _parse_decimal(raw: str, digits: int) -> int | str:
    """Return `12.5` with two digits as 1250; as it was typed where it has more digits, or is no number."""
    whole, point, rest = raw.replace(",", "").partition(".")
    if len(rest) > digits or (point and not rest) or not (rest or "0").isdecimal():
        return raw
    return _parse_integer(whole + rest.ljust(digits, "0"), raw)


def _parse_moment(raw: str, zone: ZoneInfo) -> str:
    try:
        local = datetime.fromisoformat(raw)
    except ValueError:
        return raw
    return (local if local.tzinfo else local.replace(tzinfo=zone)).isoformat()


def _parse_lines(raw: str, _: InputFormat) -> list[str]:
    return [line.strip() for line in raw.splitlines() if line.strip()]


_PARSERS: Mapping[Kind, Callable[[str, InputFormat], Any]] = {
    Kind.NUMBER: lambda given, _: _parse_integer(given, given),
    Kind.HIDDEN: lambda given, _: int(given) if given.isdecimal() and len(given) <= _DIGITS_MAX else given,
    Kind.MONEY: lambda given, how: _parse_decimal(given, how.digits),
    Kind.PERCENT: lambda given, _: _parse_decimal(given.removesuffix("%").strip(), BP_DIGITS),
    Kind.MOMENT: lambda given, how: _parse_moment(given, how.zone),
    Kind.LINES: _parse_lines,
}


def from_body(parts: Iterable[Part], body: Mapping[str, Any], input_format: InputFormat) -> dict[str, str]:
    """Return what stands in a form that says the body; where the body is silent, the model's default."""
    found: dict[str, str] = {}
    for part in parts:
        given = body.get(part.path.rpartition(".")[2])
        match part:
            case Field():
                found[part.path] = _format_value(part, part.default if given is None else given, input_format)
            case Group():
                found |= from_body(part.parts, given or {}, input_format)
            case FieldList():
                for number, row in enumerate(given or [{}]):
                    own = with_row_number(part.row, number)
                    found |= from_body(own.parts, row, input_format) if isinstance(own, Group) else {}
    return found


def _format_value(field: Field, value: Any, input_format: InputFormat) -> str:
    if value is None or value is False:
        return ""
    match field.kind:
        case Kind.MONEY:
            return format_minor(value, input_format.currency) if input_format.digits else str(value)
        case Kind.PERCENT:
            return format_basis_points(value)
        case Kind.MOMENT:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return moment.astimezone(input_format.zone).replace(tzinfo=None).isoformat(timespec="minutes")
        case Kind.LINES:
            return "\n".join(map(str, value))
        case _:
            return "on" if value is True else str(value)


def apply_row_action(parts: Iterable[Part], field_values: FormValues, action: str) -> dict[str, str]:
    """Return the form with a row more (`add.path`) or less (`remove.path.number`)."""
    verb, _, where = action.partition(".")
    rows = next(
        (each for each in iterate_field_lists(parts) if where == each.path or where.startswith(f"{each.path}.")), None
    )
    if rows is None:
        return dict(field_values)
    count, number = row_count(rows, field_values), where.removeprefix(f"{rows.path}.")
    if verb == "add":
        fresh = with_row_number(rows.row, min(count, ROWS_MAX - 1))
        return dict(field_values) | (
            from_body(fresh.parts, {}, InputFormat()) if count < ROWS_MAX and isinstance(fresh, Group) else {}
        )
    return (
        _remove_row(field_values, f"{rows.path}.", int(number))
        if number.isdecimal() and count > 1
        else dict(field_values)
    )


def focus_after_row_action(parts: Iterable[Part], values: FormValues, action: str) -> str:
    """Return where typing goes on after that: in the row that is new, or at the rows that are left."""
    verb, _, where = action.partition(".")
    rows = next(
        (each for each in iterate_field_lists(parts) if where == each.path or where.startswith(f"{each.path}.")), None
    )
    if rows is None:
        return ""
    return f"{rows.path}.{row_count(rows, values) - 1}" if verb == "add" else rows.path


def iterate_field_lists(parts: Iterable[Part]) -> Iterable[FieldList]:
    """Yield the rows among the parts."""
    for part in parts:
        if isinstance(part, FieldList):
            yield part
        elif isinstance(part, Group):
            yield from iterate_field_lists(part.parts)


def _remove_row(values: FormValues, prefix: str, row_number: int) -> dict[str, str]:
    kept: dict[str, str] = {}
    for path, value in values.items():
        number, _, rest = path.removeprefix(prefix).partition(".")
        if not path.startswith(prefix) or not number.isdecimal():
            kept[path] = value
        elif int(number) != row_number:
            kept[f"{prefix}{int(number) - (int(number) > row_number)}.{rest}"] = value
    return kept
