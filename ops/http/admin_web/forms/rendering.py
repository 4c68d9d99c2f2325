"""Form parts for the template: every input with its label, hint, value and errors. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from campaigns.errors import FieldError
from ops.http.admin_web.forms.parsing import FormValues, InputFormat, row_count
from ops.http.admin_web.forms.schema import Field, FieldList, Group, Part, iterate_fields, with_row_number
from ops.i18n import labels
from ops.i18n.field_kinds import FieldKind
from ops.i18n.language import Language
from ops.i18n.refusals import refusal_text


@dataclass(frozen=True, slots=True)
class RenderedField:
    """An input, a group of inputs or a list of groups."""

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
    is_focus: bool = False  # receives the focus when the page opens
    options: list[tuple[str, str]] = field(default_factory=list)
    parts: list["RenderedField"] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The element's id."""
        return "f-" + self.path.replace(".", "-")

    @property
    def described_by(self) -> str:
        """The ids of its hint and errors."""
        ids = [f"{self.id}-fault"] if self.errors else []
        return " ".join(ids + ([f"{self.id}-hint"] if self.hint else []))

    @property
    def attributes(self) -> Markup:
        """The ARIA attributes of its state, and `autofocus`."""
        values = {
            "aria-describedby": self.described_by,
            "aria-invalid": "true" if self.errors else "",
            "aria-required": "true" if self.is_required else "",
        }
        focus = Markup(" autofocus") if self.is_focus else Markup("")
        return focus + Markup("").join(Markup(' {}="{}"').format(*item) for item in values.items() if item[1])


@dataclass(frozen=True, slots=True)
class ErrorSummaryItem:
    """An error in the summary; `id` is the element's id, empty if it concerns the whole form."""

    id: str
    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class RenderedForm:
    """A form's parts and its error summary."""

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
    """Return the form's parts with each error at the part nearest to its path; `focus` is a path."""
    rendered = _Renderer(values, field_errors, input_format, language, focus).render_parts(parts)
    visible = {part.path: part for part in _flatten(rendered) if part.kind != FieldKind.HIDDEN.value}
    currency = input_format.currency
    return RenderedForm(rendered, [_summary_item(error, visible, currency, language) for error in field_errors])


def _summary_item(
    error: FieldError, visible: dict[str, RenderedField], currency: str, language: Language
) -> ErrorSummaryItem:
    path = nearest_path(error.path, visible)
    part = visible.get(path)
    kind = FieldKind(part.kind) if part and part.kind else None
    where = labels.path_label(path, language) if path else ""
    reason = refusal_text(error, language, kind=kind, currency=currency)
    return ErrorSummaryItem(part.id if part else "", where, reason)


def nearest_path(path: str, known_paths: Iterable[str]) -> str:
    """Return the longest known path that equals or contains the path; empty if none does. Pure."""
    paths = set(known_paths)
    while path and path not in paths:
        path = path.rpartition(".")[0]
    return path


def _flatten(rendered_fields: Sequence[RenderedField]) -> Iterator[RenderedField]:
    for rendered in rendered_fields:
        yield rendered
        yield from _flatten(rendered.parts)


class _Renderer:
    def __init__(
        self,
        values: FormValues,
        field_errors: Sequence[FieldError],
        input_format: InputFormat,
        language: Language,
        focus: str,
    ) -> None:
        self._values, self._field_errors, self._input_format = values, field_errors, input_format
        self._language, self._focus = language, focus

    def _claim_focus(self, path: str) -> bool:
        """Return whether this part gets the focus: the first one at or within the focus path does."""
        is_target = bool(self._focus) and (path == self._focus or path.startswith(f"{self._focus}."))
        self._focus = "" if is_target else self._focus
        return is_target

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
        return RenderedField(
            "field",
            field.path,
            labels.field_label(field.path, language),
            labels.field_hint(field.path, language),
            self._error_texts(field.path, field.kind),
            field.kind.value,
            self._values.get(field.path, ""),
            unit={FieldKind.MONEY: self._input_format.currency, FieldKind.PERCENT: "%"}.get(field.kind, ""),
            is_required=field.is_required and field.kind is not FieldKind.FLAG,
            is_optional=_is_optional(field),
            is_focus=self._claim_focus(field.path),
            options=[(choice, labels.lookup_text(f"choice_{name}", choice, language)) for choice in field.choices],
        )

    def _render_group(self, shape: str, path: str, parts: list[RenderedField]) -> RenderedField:
        label, last = labels.path_label(path, self._language).split(" · ")[-1], path.rpartition(".")[2]
        if last.isdecimal():
            label = f"{labels.lookup_text('row', path.split('.')[-2], self._language)} {int(last) + 1}"
        hint = None if last.isdecimal() else labels.field_hint(path, self._language)
        return RenderedField(shape, path, label, hint, self._error_texts(path, None), parts=parts)

    def _error_texts(self, path: str, kind: FieldKind | None) -> list[str]:
        errors = [error for error in self._field_errors if error.path == path]
        currency = self._input_format.currency
        return [refusal_text(error, self._language, kind=kind, currency=currency) for error in errors]


def _is_optional(field: Field) -> bool:
    """Return whether to mark a field as optional; an account's parts exclude each other and are not marked."""
    is_account_part = field.path.rpartition(".")[0].endswith("account")
    return not field.is_required and field.default is None and not is_account_part


def input_paths(parts: Sequence[Part]) -> set[str]:
    """Return the paths of the inputs, with `*` for a row's number."""
    return {item.path for item in iterate_fields(tuple(parts))}
