"""A ruleset: one immutable version of all rules with their numbers, read from TOML (toml.io, v1.0.0).

Numbers are integers: counts, times, and shares in basis points. Nothing in a ruleset is a float.
"""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from campaigns.authenticity.kinds import BASIS_POINTS, KINDS, SIGNS, Kind, Signal, Stage
from campaigns.authenticity.quality_reference import REFERENCE_ID
from campaigns.errors import FieldError, ValidationFailed, invalid_value, invalid_values
from campaigns.promise.model import LocalizedText
from campaigns.promise.toml_file import field_errors, parse_toml
from ledger.log.canonical import canonical_bytes

RULES_MAX = 100
CRITICAL_STEPS_MAX = 64
SCORECARDS_MAX = 16
SCORECARD_STEPS_MAX = 32
_ROOT_PATH = "ruleset"
_NUMBER_MAX = 2**31
_POINTS_MAX = 10_000

Rising = Annotated[int, Field(ge=1, le=_NUMBER_MAX)]
Points = Annotated[int, Field(ge=0, le=100)]


def _check_message(message: LocalizedText) -> LocalizedText:
    """Refuse a digit: a number would tell how far one may go."""
    if any(character.isdigit() for text in (message.zh, message.en) for character in text):
        raise invalid_value("rule_message_has_numbers")
    return message


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class EstablishedPeople(_Strict):
    """A person is established after likes on so many days, and so many likes."""

    days: Annotated[int, Field(ge=1, le=366)]
    likes: Annotated[int, Field(ge=1, le=100_000)]


class Header(_Strict):
    """The version, why it was made, and who is established."""

    version: Rising
    reason: LocalizedText
    established: EstablishedPeople


class Rule(_Strict):
    """A rule: a kind with its numbers, and the reason that a person is given.

    People with fewer points on the scorecard than `points_from` become a case.
    """

    id: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]+(?:[.-][a-z0-9]+)*$")]
    kind: Annotated[str, Field(max_length=63)] = ""
    family: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9][a-z0-9-]*$")]
    stage: Stage
    mode: Literal["shadow", "live"]
    established: Literal["hold", "case"] = "case"
    points_from: Annotated[int, Field(ge=0, le=_POINTS_MAX)] = 0
    needs: Annotated[list[Signal], Field(max_length=6)] = []
    numbers: dict[str, int]
    message: Annotated[LocalizedText, AfterValidator(_check_message)]

    @property
    def kind_name(self) -> str:
        """The name of the rule's kind: its id unless `kind` says otherwise."""
        return self.kind or self.id

    @model_validator(mode="after")
    def check_kind(self) -> Self:
        """Refuse a kind that does not exist, and stage, signals and numbers that do not fit it."""
        kind = KINDS.get(self.kind_name)
        if kind is None:
            raise invalid_value("rule_kind_unknown", kind=self.kind_name, kinds=sorted(KINDS))
        errors = [*_number_errors(self.numbers, kind), *_fit_errors(self, kind)]
        if errors:
            raise invalid_values(errors)
        return self


class Traits(_Strict):
    """What makes a like remarkable in a crowd; none of these holds a like alone."""

    short_watch_ms: Annotated[int, Field(ge=0, le=600_000)] = 4_500
    whole_watch_from_bp: Annotated[int, Field(ge=0, le=BASIS_POINTS)] = 7_500
    whole_watch_to_bp: Annotated[int, Field(ge=0, le=2 * BASIS_POINTS)] = 11_200
    new_account_days: Annotated[int, Field(ge=0, le=3_650)] = 10
    quick_seconds: Annotated[int, Field(ge=0, le=3_600)] = 60
    night_from_hour: Annotated[int, Field(ge=0, le=23)] = 1
    night_to_hour: Annotated[int, Field(ge=1, le=24)] = 6


class QualityPoints(_Strict):
    """How a like's quality is scored: the table of percentiles by its hash, and fixed points."""

    reference: Annotated[str, Field(max_length=71)] = REFERENCE_ID
    followed: Points = 10
    commented: Points = 15
    shared: Points = 15

    @model_validator(mode="after")
    def check_reference(self) -> Self:
        """Refuse a table that this version does not ship."""
        if self.reference != REFERENCE_ID:
            raise invalid_value("quality_reference_unknown", reference=REFERENCE_ID)
        return self


class Critical(_Strict):
    """Critical counts: from how many on a count is remarkable, by the count that is expected.

    Each step is [expected in hundredths, count]; the first step that reaches the expectation holds.
    Beyond the last step a count is remarkable from `ratio_bp` of the expectation on.
    """

    steps: Annotated[
        list[Annotated[list[int], Field(min_length=2, max_length=2)]], Field(max_length=CRITICAL_STEPS_MAX)
    ]
    ratio_bp: Annotated[int, Field(ge=BASIS_POINTS, le=100 * BASIS_POINTS)] = 20_000

    @model_validator(mode="after")
    def check_steps(self) -> Self:
        """Refuse steps that do not rise."""
        pairs = list(zip(self.steps, self.steps[1:], strict=False))
        if any(step[0] < 0 or step[1] < 1 for step in self.steps) or any(
            after[0] <= before[0] or after[1] < before[1] for before, after in pairs
        ):
            raise invalid_value("critical_steps_not_rising")
        return self


Step = Annotated[list[int], Field(min_length=2, max_length=2)]


def _rises(steps: list[list[int]]) -> bool:
    return all(0 <= points <= _POINTS_MAX for _, points in steps) and all(
        after[0] > before[0] and after[1] >= before[1] for before, after in pairwise(steps)
    )


class ScoreCard(_Strict):
    """Points by sign, for people with so many likes or more: the card with the most likes counts.

    A sign's steps are [from, points]: the last step that the sign reaches counts, none before the
    first. Points never fall, so that more of a sign never speaks for a person.
    """

    likes_from: Annotated[int, Field(ge=1, le=100_000)]
    start: Annotated[int, Field(ge=-_POINTS_MAX, le=_POINTS_MAX)] = 0
    points: dict[str, Annotated[list[Step], Field(max_length=SCORECARD_STEPS_MAX)]]

    @model_validator(mode="after")
    def check_points(self) -> Self:
        """Refuse signs that do not exist, and steps that do not rise."""
        errors = [
            invalid_value("scorecard_sign_unknown", sign=sign, signs=sorted(SIGNS))
            for sign in self.points
            if sign not in SIGNS
        ]
        errors.extend(
            invalid_value("scorecard_steps_not_rising") for steps in self.points.values() if not _rises(steps)
        )
        if errors:
            raise invalid_values(errors)
        return self


class Ruleset(_Strict):
    """One version of all rules with their numbers."""

    ruleset: Header
    rules: Annotated[list[Rule], Field(min_length=1, max_length=RULES_MAX)]
    traits: Traits = Traits()
    critical: Critical = Critical(steps=[])
    scorecards: Annotated[list[ScoreCard], Field(max_length=SCORECARDS_MAX)] = []
    quality: QualityPoints = QualityPoints()

    @model_validator(mode="after")
    def check_ids(self) -> Self:
        """Refuse two rules of the same id."""
        ids = [rule.id for rule in self.rules]
        repeated = sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1})
        if repeated:
            raise invalid_values([invalid_value("rule_id_repeated", rule=rule_id) for rule_id in repeated])
        return self

    @property
    def families(self) -> list[str]:
        """The families of its rules, sorted."""
        return sorted({rule.family for rule in self.rules})


class RulesetRefused(ValidationFailed):
    """The ruleset is not valid, or does not follow the one before it."""


def parse_ruleset(file: bytes) -> Ruleset:
    """Return the ruleset in the file. Pure.

    Raises RulesetRefused with every error; the file is accepted whole or not at all.
    """
    try:
        return Ruleset.model_validate(parse_toml(file, _ROOT_PATH))
    except ValidationFailed as error:
        raise RulesetRefused(error.field_errors) from None
    except ValidationError as error:
        raise RulesetRefused(field_errors(error, _ROOT_PATH)) from None


def default_ruleset() -> Ruleset:
    """Return the ruleset that ships with this version."""
    return parse_ruleset(default_file())


def default_file() -> bytes:
    """Return the file of the ruleset that ships with this version."""
    return files("campaigns.authenticity").joinpath("default.toml").read_bytes()


def ruleset_bytes(ruleset: Ruleset) -> bytes:
    """Return the ruleset as canonical JSON (RFC 8785): what is hashed, stored and published. Pure.

    Defaults are written out, so a later version of this program reads the same rules.
    """
    return canonical_bytes(ruleset.model_dump(mode="json"))


def salted_sha256(published: bytes, salt: str) -> str:
    """Return the SHA-256 of the published bytes followed by the salt's hex digits, in hex. Pure."""
    return sha256(published + salt.encode()).hexdigest()


def check_successor(latest: Ruleset | None, ruleset: Ruleset) -> None:
    """Check that a version follows the latest one, or is the same unchanged. Pure.

    Raises RulesetRefused if the version does not rise, or returns with other content.
    """
    if latest is None or ruleset.ruleset.version > latest.ruleset.version:
        return
    if ruleset_bytes(ruleset) != ruleset_bytes(latest):
        number = latest.ruleset.version
        raise RulesetRefused([FieldError("ruleset.version", "ruleset_version_not_rising", {"latest_number": number})])


def _number_errors(numbers: Mapping[str, int], kind: Kind) -> list[Any]:
    unknown = [
        invalid_value("rule_number_unknown", number=name, numbers=sorted(kind.numbers))
        for name in numbers
        if name not in kind.numbers
    ]
    missing = [invalid_value("rule_number_missing", number=name) for name in kind.numbers if name not in numbers]
    outside = [
        invalid_value("rule_number_out_of_range", number=name, least_number=bounds.least, most_number=bounds.most)
        for name, bounds in kind.numbers.items()
        if name in numbers and not bounds.least <= numbers[name] <= bounds.most
    ]
    return [*unknown, *missing, *outside]


def _fit_errors(rule: Rule, kind: Kind) -> list[Any]:
    missing = sorted(kind.needs - set(rule.needs))
    stage = [] if rule.stage == kind.stage else [invalid_value("rule_stage_differs", stage=kind.stage)]
    return [*stage, *(invalid_value("rule_need_missing", signal=signal) for signal in missing)]
