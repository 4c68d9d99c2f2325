"""A form that was filled in becomes a command's body, and a body a form that is filled in. Pure.

What cannot be read is handed on as it was typed, so that the command's own model says what is wrong, at its path.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ledger.money import exponent, text
from ops.http.admin_web.forms.schema import Field, Group, Kind, Part, Rows, numbered
from ops.i18n.formats import BP_DIGITS, format_basis_points

ROWS_MAX = 100
_DIGITS_MAX = 18
Values = Mapping[str, str]


class Ways(NamedTuple):
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


def ways(values: Values, fallback: Ways) -> Ways:
    """Return how the form that makes a campaign says that money and moments are written, or the fallback."""
    currency = values.get("campaign.currency", "").strip() or fallback.currency
    return Ways(currency, values.get("campaign.timezone", "").strip() or fallback.timezone)


def body(parts: Iterable[Part], values: Values, how: Ways) -> dict[str, Any]:
    """Return the body that the form says; what is left blank is left out."""
    found: dict[str, Any] = {}
    for part in parts:
        name, value = part.path.rpartition(".")[2], _value(part, values, how)
        if value is not None:
            found[name] = value
    return found


def _value(part: Part, values: Values, how: Ways) -> Any:
    match part:
        case Field():
            return _typed(part, values.get(part.path, ""), how)
        case Group():
            is_blank = all(not values.get(each, "").strip() for each in values if each.startswith(f"{part.path}."))
            return None if is_blank and not part.is_required else body(part.parts, values, how)
        case Rows():
            rows = (numbered(part.row, number) for number in range(rows_in(part, values)))
            return [_value(row, values, how) for row in rows]


def rows_in(part: Rows, values: Values) -> int:
    """Return how many rows a form has: one at least."""
    prefix = f"{part.path}."
    numbers = (each.removeprefix(prefix).partition(".")[0] for each in values if each.startswith(prefix))
    return min(max((int(each) for each in numbers if each.isdecimal() and len(each) <= 3), default=0) + 1, ROWS_MAX)  # noqa: PLR2004


def _typed(field: Field, typed: str, how: Ways) -> Any:
    given = typed.strip()
    if field.kind is Kind.FLAG:
        return bool(given)
    if not given:
        return None
    read = _READERS.get(field.kind)
    return read(given, how) if read else given


def _whole(digits: str, otherwise: str) -> int | str:
    plain = digits.removeprefix("-")
    return int(digits) if plain.isascii() and plain.isdecimal() and len(plain) <= _DIGITS_MAX else otherwise


def _scaled(given: str, digits: int) -> int | str:
    """Return `12.5` with two digits as 1250; as it was typed where it has more digits, or is no number."""
    whole, point, rest = given.replace(",", "").partition(".")
    if len(rest) > digits or (point and not rest) or not (rest or "0").isdecimal():
        return given
    return _whole(whole + rest.ljust(digits, "0"), given)


def _moment(given: str, zone: ZoneInfo) -> str:
    try:
        local = datetime.fromisoformat(given)
    except ValueError:
        return given
    return (local if local.tzinfo else local.replace(tzinfo=zone)).isoformat()


def _lines(given: str, _: Ways) -> list[str]:
    return [line.strip() for line in given.splitlines() if line.strip()]


_READERS: Mapping[Kind, Callable[[str, Ways], Any]] = {
    Kind.NUMBER: lambda given, _: _whole(given, given),
    Kind.HIDDEN: lambda given, _: int(given) if given.isdecimal() and len(given) <= _DIGITS_MAX else given,
    Kind.MONEY: lambda given, how: _scaled(given, how.digits),
    Kind.PERCENT: lambda given, _: _scaled(given.removesuffix("%").strip(), BP_DIGITS),
    Kind.MOMENT: lambda given, how: _moment(given, how.zone),
    Kind.LINES: _lines,
}


def values(parts: Iterable[Part], told: Mapping[str, Any], how: Ways) -> dict[str, str]:
    """Return what stands in a form that says the body; where the body is silent, the model's default."""
    found: dict[str, str] = {}
    for part in parts:
        given = told.get(part.path.rpartition(".")[2])
        match part:
            case Field():
                found[part.path] = _written(part, part.default if given is None else given, how)
            case Group():
                found |= values(part.parts, given or {}, how)
            case Rows():
                for number, row in enumerate(given or [{}]):
                    own = numbered(part.row, number)
                    found |= values(own.parts, row, how) if isinstance(own, Group) else {}
    return found


def _written(field: Field, value: Any, how: Ways) -> str:
    if value is None or value is False:
        return ""
    match field.kind:
        case Kind.MONEY:
            return text(value, how.currency) if how.digits else str(value)
        case Kind.PERCENT:
            return format_basis_points(value)
        case Kind.MOMENT:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return moment.astimezone(how.zone).replace(tzinfo=None).isoformat(timespec="minutes")
        case Kind.LINES:
            return "\n".join(map(str, value))
        case _:
            return "on" if value is True else str(value)


def with_rows(parts: Iterable[Part], given: Values, do: str) -> dict[str, str]:
    """Return the form with a row more (`add.path`) or less (`remove.path.number`)."""
    verb, _, where = do.partition(".")
    rows = next((each for each in every_rows(parts) if where == each.path or where.startswith(f"{each.path}.")), None)
    if rows is None:
        return dict(given)
    count, number = rows_in(rows, given), where.removeprefix(f"{rows.path}.")
    if verb == "add":
        fresh = numbered(rows.row, min(count, ROWS_MAX - 1))
        return dict(given) | (
            values(fresh.parts, {}, Ways()) if count < ROWS_MAX and isinstance(fresh, Group) else {}
        )
    return _without(given, f"{rows.path}.", int(number)) if number.isdecimal() and count > 1 else dict(given)


def focus_after(parts: Iterable[Part], given: Values, do: str) -> str:
    """Return where typing goes on after that: in the row that is new, or at the rows that are left."""
    verb, _, where = do.partition(".")
    rows = next((each for each in every_rows(parts) if where == each.path or where.startswith(f"{each.path}.")), None)
    if rows is None:
        return ""
    return f"{rows.path}.{rows_in(rows, given) - 1}" if verb == "add" else rows.path


def every_rows(parts: Iterable[Part]) -> Iterable[Rows]:
    """Yield the rows among the parts."""
    for part in parts:
        if isinstance(part, Rows):
            yield part
        elif isinstance(part, Group):
            yield from every_rows(part.parts)


def _without(given: Values, prefix: str, gone: int) -> dict[str, str]:
    kept: dict[str, str] = {}
    for path, value in given.items():
        number, _, rest = path.removeprefix(prefix).partition(".")
        if not path.startswith(prefix) or not number.isdecimal():
            kept[path] = value
        elif int(number) != gone:
            kept[f"{prefix}{int(number) - (int(number) > gone)}.{rest}"] = value
    return kept
