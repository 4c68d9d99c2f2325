"""A form as the template draws it: every input with its label, hint, value and what is wrong with it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from campaigns.errors import FieldError
from ops.http.admin_web.forms.parsing import FormValues, InputFormat, row_count
from ops.http.admin_web.forms.schema import Field, FieldList, Group, Kind, Part, iterate_fields, with_row_number
from ops.i18n import labels
from ops.i18n.language import Language
from ops.i18n.refusals import refusal_text


@dataclass(frozen=True, slots=True)
class RenderedField:
    """An input, or a group of them, or rows."""

    shape: str  # field, group or rows
    path: str
    label: str
    hint: str | None
    errors: list[str]
    kind: str = ""
    value: str = ""
    unit: str = ""
    is_required: bool = False
    is_optional: bool = False
    is_focus: bool = False  # where typing goes on
    options: list[tuple[str, str]] = field(default_factory=list)
    parts: list["RenderedField"] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The element's id."""
        return "f-" + self.path.replace(".", "-")

    @property
    def described_by(self) -> str:
        """The ids of what describes it."""
        ids = [f"{self.id}-fault"] if self.errors else []
        return " ".join(ids + ([f"{self.id}-hint"] if self.hint else []))

    @property
    def attributes(self) -> Markup:
        """What tells of an input's state to who cannot see it."""
        told = {
            "aria-describedby": self.described_by,
            "aria-invalid": "true" if self.errors else "",
            "aria-required": "true" if self.is_required else "",
        }
        focus = Markup(" autofocus") if self.is_focus else Markup("")
        return focus + Markup("").join(Markup(' {}="{}"').format(*each) for each in told.items() if each[1])


@dataclass(frozen=True, slots=True)
class ErrorSummaryItem:
    """A fault in the summary, with the id of where it is; empty: it concerns all of it."""

    id: str
    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class RenderedForm:
    """All of it."""

    parts: list[RenderedField]
    summary: list[ErrorSummaryItem]


def render_form(
    parts: Sequence[Part],
    values: FormValues,
    field_errors: Sequence[FieldError],
    input_format: InputFormat,
    language: Language,
    focus: str = "",
) -> RenderedForm:
    """Return the form as it is drawn, each fault at the nearest part of its path; `focus`: where typing goes on."""
    own = _Renderer(values, field_errors, input_format, language, focus)
    drawn = own.render_parts(parts)
    shown = [each for each in _flatten(drawn) if each.kind != Kind.HIDDEN.value]
    ids = {each.path: each.id for each in shown}
    kinds = {each.path: each.kind for each in shown}
    summary = []
    for fault in field_errors:
        path = nearest_path(fault.path, ids)
        kind = Kind(kinds[path]) if kinds.get(path) else None
        told = labels.path_label(path, language) if path else ""
        summary.append(
            ErrorSummaryItem(
                ids.get(path, ""), told, refusal_text(fault, language, kind=kind, currency=input_format.currency)
            )
        )
    return RenderedForm(drawn, summary)


def nearest_path(path: str, known_paths: Iterable[str]) -> str:
    """Return the longest known path that the path lies at or within; empty: none. Pure."""
    paths = set(known_paths)
    while path and path not in paths:
        path = path.rpartition(".")[0]
    return path


def _flatten(rendered_fields: Sequence[RenderedField]) -> Iterable[RenderedField]:
    for each in rendered_fields:
        yield each
        yield from _flatten(each.parts)


class _Renderer:
    def __init__(
        self,
        values: FormValues,
        field_errors: Sequence[FieldError],
        input_format: InputFormat,
        language: Language,
        focus: str,
    ) -> None:
        self._values, self._field_errors, self._input_format, self._language = (
            values,
            field_errors,
            input_format,
            language,
        )
        self._focus = focus

    def _claim_focus(self, path: str) -> bool:
        """Tell whether this is the part, or the first within it, that is to have the focus: one has it."""
        is_it = bool(self._focus) and (path == self._focus or path.startswith(f"{self._focus}."))
        self._focus = "" if is_it else self._focus
        return is_it

    def render_parts(self, parts: Iterable[Part]) -> list[RenderedField]:
        return [self._render_part(part) for part in parts]

    def _render_part(self, part: Part) -> RenderedField:
        match part:
            case Field():
                return self._render_field(part)
            case Group():
                return self._render_group("group", part.path, self.render_parts(part.parts))
            case FieldList():
                is_focus = self._focus == part.path and self._claim_focus(part.path)
                rows = [with_row_number(part.row, number) for number in range(row_count(part, self._values))]
                return replace(self._render_group("rows", part.path, self.render_parts(rows)), is_focus=is_focus)

    def _render_field(self, field: Field) -> RenderedField:
        language, name = self._language, field.path.rpartition(".")[2]
        label = labels.field_label(field.path, language)
        told = [
            refusal_text(fault, language, kind=field.kind, currency=self._input_format.currency)
            for fault in self._field_errors
            if fault.path == field.path
        ]
        options = [(each, labels.lookup_text(f"choice_{name}", each, language)) for each in field.choices]
        unit = {Kind.MONEY: self._input_format.currency, Kind.PERCENT: "%"}.get(field.kind, "")
        is_optional = (
            not field.is_required and field.default is None and not field.path.rpartition(".")[0].endswith("account")
        )
        return RenderedField(
            "field",
            field.path,
            label,
            labels.field_hint(field.path, language),
            told,
            field.kind.value,
            self._values.get(field.path, ""),
            unit,
            is_required=field.is_required and field.kind is not Kind.FLAG,
            is_optional=is_optional,
            is_focus=self._claim_focus(field.path),
            options=options,
        )

    def _render_group(self, shape: str, path: str, parts: list[RenderedField]) -> RenderedField:
        label, last = labels.path_label(path, self._language).split(" · ")[-1], path.rpartition(".")[2]
        if last.isdecimal():
            label = f"{labels.lookup_text('row', path.split('.')[-2], self._language)} {int(last) + 1}"
        hint = None if last.isdecimal() else labels.field_hint(path, self._language)
        told = [
            refusal_text(fault, self._language, kind=None, currency=self._input_format.currency)
            for fault in self._field_errors
            if fault.path == path
        ]
        return RenderedField(shape, path, label, hint, told, parts=parts)


def input_paths(parts: Sequence[Part]) -> set[str]:
    """Return the paths of the inputs, rows by their placeholder: what a form may send."""
    return {each.path for each in iterate_fields(tuple(parts))}
