"""A form as the template draws it: every input with its label, hint, value and what is wrong with it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from campaigns.errors import Fault
from ops.http.admin_web.forms.parsing import Values, Ways, rows_in
from ops.http.admin_web.forms.schema import Field, Group, Kind, Part, Rows, fields, numbered
from ops.i18n import labels
from ops.i18n.language import Language
from ops.i18n.refusals import reason


@dataclass(frozen=True, slots=True)
class Drawn:
    """An input, or a group of them, or rows."""

    shape: str  # field, group or rows
    path: str
    label: str
    hint: str | None
    faults: list[str]
    kind: str = ""
    value: str = ""
    unit: str = ""
    is_required: bool = False
    is_optional: bool = False
    is_focus: bool = False  # where typing goes on
    options: list[tuple[str, str]] = field(default_factory=list)
    parts: list["Drawn"] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The element's id."""
        return "f-" + self.path.replace(".", "-")

    @property
    def described_by(self) -> str:
        """The ids of what describes it."""
        ids = [f"{self.id}-fault"] if self.faults else []
        return " ".join(ids + ([f"{self.id}-hint"] if self.hint else []))

    @property
    def attributes(self) -> Markup:
        """What tells of an input's state to who cannot see it."""
        told = {
            "aria-describedby": self.described_by,
            "aria-invalid": "true" if self.faults else "",
            "aria-required": "true" if self.is_required else "",
        }
        focus = Markup(" autofocus") if self.is_focus else Markup("")
        return focus + Markup("").join(Markup(' {}="{}"').format(*each) for each in told.items() if each[1])


@dataclass(frozen=True, slots=True)
class Summed:
    """A fault in the summary, with the id of where it is; empty: it concerns all of it."""

    id: str
    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Form:
    """All of it."""

    parts: list[Drawn]
    summary: list[Summed]


def form(
    parts: Sequence[Part], values: Values, faults: Sequence[Fault], how: Ways, language: Language, focus: str = ""
) -> Form:
    """Return the form as it is drawn, each fault at the nearest part of its path; `focus`: where typing goes on."""
    own = _Drawing(values, faults, how, language, focus)
    drawn = own.all(parts)
    shown = [each for each in _every(drawn) if each.kind != Kind.HIDDEN.value]
    ids = {each.path: each.id for each in shown}
    kinds = {each.path: each.kind for each in shown}
    summary = []
    for fault in faults:
        path = nearest(fault.path, ids)
        kind = Kind(kinds[path]) if kinds.get(path) else None
        told = labels.where(path, language) if path else ""
        summary.append(Summed(ids.get(path, ""), told, reason(fault.reason, kind, language, how.currency)))
    return Form(drawn, summary)


def nearest(path: str, known: Iterable[str]) -> str:
    """Return the longest known path that the path lies at or within; empty: none. Pure."""
    paths = set(known)
    while path and path not in paths:
        path = path.rpartition(".")[0]
    return path


def _every(drawn: Sequence[Drawn]) -> Iterable[Drawn]:
    for each in drawn:
        yield each
        yield from _every(each.parts)


class _Drawing:
    def __init__(self, values: Values, faults: Sequence[Fault], how: Ways, language: Language, focus: str) -> None:
        self._values, self._faults, self._how, self._language = values, faults, how, language
        self._focus = focus

    def _takes_focus(self, path: str) -> bool:
        """Tell whether this is the part, or the first within it, that is to have the focus: one has it."""
        is_it = bool(self._focus) and (path == self._focus or path.startswith(f"{self._focus}."))
        self._focus = "" if is_it else self._focus
        return is_it

    def all(self, parts: Iterable[Part]) -> list[Drawn]:
        return [self._one(part) for part in parts]

    def _one(self, part: Part) -> Drawn:
        match part:
            case Field():
                return self._field(part)
            case Group():
                return self._group("group", part.path, self.all(part.parts))
            case Rows():
                is_focus = self._focus == part.path and self._takes_focus(part.path)
                rows = [numbered(part.row, number) for number in range(rows_in(part, self._values))]
                return replace(self._group("rows", part.path, self.all(rows)), is_focus=is_focus)

    def _field(self, own: Field) -> Drawn:
        language, name = self._language, own.path.rpartition(".")[2]
        label = labels.label(own.path, language)
        told = [
            reason(fault.reason, own.kind, language, self._how.currency)
            for fault in self._faults
            if fault.path == own.path
        ]
        options = [(each, labels.known(f"choice_{name}", each, language)) for each in own.choices]
        unit = {Kind.MONEY: self._how.currency, Kind.PERCENT: "%"}.get(own.kind, "")
        is_optional = (
            not own.is_required and own.default is None and not own.path.rpartition(".")[0].endswith("account")
        )
        return Drawn(
            "field",
            own.path,
            label,
            labels.hint(own.path, language),
            told,
            own.kind.value,
            self._values.get(own.path, ""),
            unit,
            is_required=own.is_required and own.kind is not Kind.FLAG,
            is_optional=is_optional,
            is_focus=self._takes_focus(own.path),
            options=options,
        )

    def _group(self, shape: str, path: str, parts: list[Drawn]) -> Drawn:
        label, last = labels.where(path, self._language).split(" · ")[-1], path.rpartition(".")[2]
        if last.isdecimal():
            label = f"{labels.known('row', path.split('.')[-2], self._language)} {int(last) + 1}"
        hint = None if last.isdecimal() else labels.hint(path, self._language)
        told = [
            reason(fault.reason, None, self._language, self._how.currency)
            for fault in self._faults
            if fault.path == path
        ]
        return Drawn(shape, path, label, hint, told, parts=parts)


def typed_paths(parts: Sequence[Part]) -> set[str]:
    """Return the paths of the inputs, rows by their placeholder: what a form may send."""
    return {each.path for each in fields(tuple(parts))}
