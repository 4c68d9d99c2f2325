"""Converts form values to a command's body and back. Pure.

Values that cannot be parsed are passed on as typed, so that the command's model reports the error at their path.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ledger.money import exponent, format_minor
from ops.http.admin_web.forms.schema import Field, FieldList, Group, Part, with_row_number
from ops.i18n.field_kinds import FieldKind
from ops.i18n.formats import BP_DIGITS, format_basis_points

ROWS_MAX = 100
_ROW_NUMBER_DIGITS_MAX = 3
_DIGITS_MAX = 18
FormValues = Mapping[str, str]


class InputFormat(NamedTuple):
    """How a form writes money and moments."""

    currency: str = ""  # empty: money is typed in minor units
    timezone: str = "UTC"

    @property
    def digits(self) -> int:
        """The decimals of an amount."""
        try:
            return exponent(self.currency) if self.currency else 0
        except ValueError:
            return 0

    @property
    def zone(self) -> ZoneInfo:
        """The time zone; UTC if it does not exist."""
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo("UTC")


def resolve_input_format(values: FormValues, fallback: InputFormat) -> InputFormat:
    """Return the currency and time zone typed into a new campaign's form, else those of the fallback."""
    currency = values.get("campaign.currency", "").strip() or fallback.currency
    return InputFormat(currency, values.get("campaign.timezone", "").strip() or fallback.timezone)


def to_body(parts: Iterable[Part], values: FormValues, input_format: InputFormat) -> dict[str, Any]:
    """Return the body of the typed values; blank inputs are left out."""
    body: dict[str, Any] = {}
    for part in parts:
        name, value = part.path.rpartition(".")[2], _part_value(part, values, input_format)
        if value is not None:
            body[name] = value
    return body


def _part_value(part: Part, values: FormValues, input_format: InputFormat) -> Any:
    match part:
        case Field():
            return _parse_input(part, values.get(part.path, ""), input_format)
        case Group():
            is_left_out = _is_blank(part, values) and not part.is_required
            return None if is_left_out else to_body(part.parts, values, input_format)
        case FieldList():
            rows = (with_row_number(part.row, number) for number in range(row_count(part, values)))
            return [_part_value(row, values, input_format) for row in rows]


def _is_blank(group: Group, values: FormValues) -> bool:
    return all(not values[path].strip() for path in values if path.startswith(f"{group.path}."))


def row_count(part: FieldList, values: FormValues) -> int:
    """Return the number of rows in a form: 1 to 100."""
    prefix = f"{part.path}."
    numbers = (path.removeprefix(prefix).partition(".")[0] for path in values if path.startswith(prefix))
    return min(max((int(number) for number in numbers if _is_row_number(number)), default=0) + 1, ROWS_MAX)


def _is_row_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= _ROW_NUMBER_DIGITS_MAX


def _parse_input(field: Field, raw: str, input_format: InputFormat) -> Any:
    text = raw.strip()
    if field.kind is FieldKind.FLAG:
        return bool(text)
    if not text:
        return None
    parse = _PARSERS.get(field.kind)
    return parse(text, input_format) if parse else text


def _parse_integer(digits: str, fallback: str) -> int | str:
    plain = digits.removeprefix("-")
    return int(digits) if plain.isascii() and plain.isdecimal() and len(plain) <= _DIGITS_MAX else fallback


def _parse_decimal(raw: str, digits: int) -> int | str:
    """Return `12.5` with two digits as 1250; the text unchanged if it has more digits or is not a number."""
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


_PARSERS: Mapping[FieldKind, Callable[[str, InputFormat], Any]] = {
    FieldKind.NUMBER: lambda text, _: _parse_integer(text, text),
    FieldKind.HIDDEN: lambda text, _: int(text) if text.isdecimal() and len(text) <= _DIGITS_MAX else text,
    FieldKind.MONEY: lambda text, input_format: _parse_decimal(text, input_format.digits),
    FieldKind.PERCENT: lambda text, _: _parse_decimal(text.removesuffix("%").strip(), BP_DIGITS),
    FieldKind.MOMENT: lambda text, input_format: _parse_moment(text, input_format.zone),
    FieldKind.LINES: _parse_lines,
}


def from_body(parts: Iterable[Part], body: Mapping[str, Any], input_format: InputFormat) -> dict[str, str]:
    """Return the form values of a body; a value that the body lacks is the model's default."""
    values: dict[str, str] = {}
    for part in parts:
        values |= _part_values(part, body.get(part.path.rpartition(".")[2]), input_format)
    return values


def _part_values(part: Part, value: Any, input_format: InputFormat) -> dict[str, str]:
    match part:
        case Field():
            return {part.path: _format_value(part, part.default if value is None else value, input_format)}
        case Group():
            return from_body(part.parts, value or {}, input_format)
        case FieldList():
            rows = enumerate(value or [{}])
            return {k: v for number, row in rows for k, v in _row_values(part, number, row, input_format).items()}


def _row_values(
    field_list: FieldList, number: int, row: Mapping[str, Any], input_format: InputFormat
) -> dict[str, str]:
    group = with_row_number(field_list.row, number)
    return from_body(group.parts, row, input_format) if isinstance(group, Group) else {}


def _format_value(field: Field, value: Any, input_format: InputFormat) -> str:
    if value is None or value is False:
        return ""
    match field.kind:
        case FieldKind.MONEY:
            return format_minor(value, input_format.currency) if input_format.digits else str(value)
        case FieldKind.PERCENT:
            return format_basis_points(value)
        case FieldKind.MOMENT:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return moment.astimezone(input_format.zone).replace(tzinfo=None).isoformat(timespec="minutes")
        case FieldKind.LINES:
            return "\n".join(map(str, value))
        case _:
            return "on" if value is True else str(value)


def apply_row_action(parts: Iterable[Part], field_values: FormValues, action: str) -> dict[str, str]:
    """Return the form values after adding (`add.path`) or removing (`remove.path.number`) a row."""
    verb, _, path = action.partition(".")
    field_list = _find_field_list(parts, path)
    if field_list is None:
        return dict(field_values)
    if verb == "add":
        return _add_row(field_list, field_values)
    number = path.removeprefix(f"{field_list.path}.")
    if not number.isdecimal() or row_count(field_list, field_values) == 1:
        return dict(field_values)
    return _remove_row(field_values, f"{field_list.path}.", int(number))


def focus_after_row_action(parts: Iterable[Part], values: FormValues, action: str) -> str:
    """Return the path to focus after a row action: the new row, or the list after a removal."""
    verb, _, path = action.partition(".")
    field_list = _find_field_list(parts, path)
    if field_list is None:
        return ""
    return f"{field_list.path}.{row_count(field_list, values) - 1}" if verb == "add" else field_list.path


def _find_field_list(parts: Iterable[Part], path: str) -> FieldList | None:
    lists = iterate_field_lists(parts)
    return next((item for item in lists if path == item.path or path.startswith(f"{item.path}.")), None)


def iterate_field_lists(parts: Iterable[Part]) -> Iterable[FieldList]:
    """Yield the lists among the parts."""
    for part in parts:
        if isinstance(part, FieldList):
            yield part
        elif isinstance(part, Group):
            yield from iterate_field_lists(part.parts)


def _add_row(field_list: FieldList, values: FormValues) -> dict[str, str]:
    count = row_count(field_list, values)
    if count >= ROWS_MAX:
        return dict(values)
    return dict(values) | _row_values(field_list, count, {}, InputFormat())


def _remove_row(values: FormValues, prefix: str, row_number: int) -> dict[str, str]:
    rest_values: dict[str, str] = {}
    for path, value in values.items():
        number, _, rest = path.removeprefix(prefix).partition(".")
        if not path.startswith(prefix) or not number.isdecimal():
            rest_values[path] = value
        elif int(number) != row_number:
            rest_values[f"{prefix}{int(number) - (int(number) > row_number)}.{rest}"] = value
    return rest_values
