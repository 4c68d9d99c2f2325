"""Judge an export again: the same digest, or the first row that differs. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from campaigns.authenticity.engine import digest, judge
from campaigns.authenticity.export import ExportHead, ExportRow, describe_verdict
from campaigns.authenticity.ruleset import Ruleset
from campaigns.errors import FieldError, ValidationFailed


class Difference(NamedTuple):
    """The first row that differs: its line, and state, families and rules in the export and as judged."""

    line: int
    exported: tuple[str, str, str]
    judged: tuple[str, str, str]


class Reproduction(NamedTuple):
    """The result of judging an export again."""

    rows: int
    likes: int
    likes_held: int
    digest: str
    is_same: bool
    difference: Difference | None


def reproduce(head: ExportHead, rows: Iterable[ExportRow], ruleset: Ruleset) -> Reproduction:
    """Return what the rules decide about an export's observations, beside what it says.

    Raises ValidationFailed if the export was made with another version of the ruleset.
    """
    if head.ruleset != ruleset.ruleset.version:
        versions = {"export_number": head.ruleset, "file_number": ruleset.ruleset.version}
        raise ValidationFailed([FieldError("line 1", "export_ruleset_differs", versions)])
    listed = list(rows)
    judgement = judge((row.observation for row in listed), ruleset, head.timezone)
    verdicts = {(verdict.person, verdict.content): verdict for verdict in judgement.verdicts}
    differences = (
        Difference(row.line, row.decision, judged)
        for row in listed
        if row.decision
        != (judged := describe_verdict(verdicts.get((row.observation.person, row.observation.content))))
    )
    difference, judged_digest = next(differences, None), digest(judgement.verdicts)
    is_same = difference is None and judged_digest == head.digest
    return Reproduction(len(listed), judgement.likes, len(judgement.verdicts), judged_digest, is_same, difference)
