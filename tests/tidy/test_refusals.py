"""Every sentence that the program refuses with has its Chinese, and no sentence can be taken for another."""

import ast
import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from itertools import count
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ledger.reconciliation.matching import How
from ops.i18n import refusals
from ops.i18n.language import TEXTS
from ops.i18n.refusals import Sentence
from repository import Source, program, told
from sentences import HOLE, Said, kinds, said

HOUSES = ("ledger/", "campaigns/", "ops/admin/", "ops/http/admin_web/", "ops/i18n/", "ops/payout_channels.py")
NEVER_ON_PAGES = {
    "ledger/log/": "the log's programs stand alone",
    "ledger/publication/sequencer.py": "told at the start, and by jobs",
    "ledger/publication/witness_client.py": "what a witness answered, which is another kind of fault",
    "campaigns/intake/admission.py": "why a like does not count, which is another kind of refusal",
}
# Where a ValueError is what a model or a filter says of what was filled in, and SettingsRefused what a command says.
VALUES = ("campaigns/promise/model.py", "campaigns/preview/request.py", "ledger/settlements/cron.py", "ops/admin/")
CHANNELS = ("ops/payout_channels.py",)
PASSED_ON = {
    "campaigns/promise/toml_file.py: error['msg'].removeprefix('Value error, ')": "the models' words",
    "campaigns/promise/toml_file.py: message[:place.start()]": "of TOML, which no page takes",
    "campaigns/promise/toml_file.py: message": "of TOML, which no page takes",
    "campaigns/preview/request.py: cell": "caught where the file is read",
    "ops/admin/core/pagination.py: str(error)": "the filters' words, in the catalogue",
    "ops/admin/resources/settlements.py: str(refused)": "the channels' words, in the catalogue",
}
REFUSALS = kinds("Refused", "LedgerError") - kinds("Faulty") | {"Fault"}
# What is kept, and shown in lists: why an upload ended, a payout came back, a line is of a payout.
ALSO_SAID = {
    "stopped by {name}: {reason}",
    "refused without a reason",
    "came back without a reason",
    *(how.value for how in How),
}
TEXT = "of Bree: is it so; not"
EXAMPLES = {
    "number": ["7", "1,000"],
    "minor": ["500"],
    "bp": ["9950"],
    "state": ["pending"],
    "role": ["finance"],
    "roles": ["owner", "finance, owner", "finance or owner"],
    "command": ["campaign.fund"],
    "written": ["'x'", '"it\'s"'],
    "rest": ["", ": not so"],
    "why": ["String should match pattern 'x'"],
}
NAME = re.compile(r"\{(\w+)\}")


def files(*under: str) -> list[Source]:
    every = (source for source in program() if str(source.path).startswith(under))
    return [source for source in every if not str(source.path).startswith(tuple(NEVER_ON_PAGES))]


@cache
def sentences() -> tuple[Said, ...]:
    refused = said(REFUSALS, files(*HOUSES))
    of_values = said(frozenset({"ValueError"}), files(*VALUES))
    return (*refused, *of_values, *said(frozenset({"SettingsRefused"}), files(*CHANNELS)))


def skeleton(says: str) -> str:
    return NAME.sub(HOLE, says)


def known() -> set[str]:
    return {skeleton(sentence.says) for sentence in refusals.catalogue()["sentences"]}


def line_to_add(sentence: str) -> str:
    numbers = count(1)
    return re.sub(HOLE, lambda _: f"{{value_{next(numbers)}}}", sentence)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str


MODELS: list[tuple[Any, Any]] = [
    (Strict, {}),
    (Strict, {"name": "", "more": ""}),
    (str, 1),
    (Annotated[str, Field(min_length=1)], ""),
    (Annotated[str, Field(max_length=1)], "ab"),
    (Annotated[str, Field(pattern="a")], "b"),
    (Annotated[list[int], Field(min_length=1)], []),
    (Annotated[list[int], Field(max_length=1)], [1, 2]),
    (Annotated[int, Field(ge=1)], 0),
    (Annotated[int, Field(le=1)], 2),
    (int, "x"),
    (int, None),
    (int, "1.5"),
    (Literal["withdraw", "keep"], "x"),
    (datetime, "x"),
    (datetime, None),
    (AwareDatetime, "2026-11-27T08:00"),
    (date, "x"),
    (date, None),
    (date, "2026-11-"),
]


def of_the_models() -> set[str]:
    """Return what pydantic says of what people may type: in a command's body, and beside it."""
    found = set()
    for kind, typed in MODELS:
        own = TypeAdapter(kind)
        for check in (own.validate_python, lambda given, own=own: own.validate_json(json.dumps(given), strict=True)):
            with pytest.raises(ValidationError) as caught:
                check(typed)
            found |= {error["msg"] for error in caught.value.errors()}
    return found


def filled(sentence: Sentence) -> Iterator[str]:
    """Yield the sentence with values of every kind in its places."""
    names = NAME.findall(sentence.says)
    for place in range(3):
        values = {name: examples(name) for name in names}
        yield NAME.sub(lambda name: values[name[1]][place % len(values[name[1]])], sentence.says)  # noqa: B023


def examples(name: str) -> list[str]:
    shape = refusals.shape(name)
    return [
        text
        for text in EXAMPLES.get(name.rpartition("_")[2], [f"{name}-1", repr(TEXT), TEXT])
        if re.fullmatch(shape, text)
    ]


def test_every_refusal_has_its_chinese() -> None:
    faults = {
        f'{one.where}: "{line_to_add(one.sentence)}" = {{ zh = "…" }}'
        for one in sentences()
        if one.sentence is not None and one.sentence not in known()
    }
    assert not faults, told(sorted(faults), "add it to ops/site/refusals.toml, each value named by what it is")


def test_what_a_refusal_says_can_be_read_off_the_program() -> None:
    faults = sorted({f"{s.where}: {s.source}" for s in sentences() if not s.sentence and s.source not in PASSED_ON})
    assert not faults, told(faults, "write the sentence beside its raise, or in a function that returns it")


def test_every_sentence_of_the_catalogue_is_said() -> None:
    spoken = {one.sentence for one in sentences()}
    spoken |= {skeleton(says) for says in ALSO_SAID}
    unsaid = [one for one in refusals.catalogue()["sentences"] if skeleton(one.says) not in spoken]
    faults = [one.says for one in unsaid if not any(map(one.pattern.fullmatch, of_the_models()))]
    assert not faults, told(faults, "nothing says it any more: take it out of ops/site/refusals.toml")


@pytest.mark.parametrize("table", sorted(refusals.catalogue()))
def test_each_sentence_is_taken_for_itself_alone(table: str) -> None:
    for sentence in refusals.catalogue()[table]:
        for text in filled(sentence):
            assert [found.says for found, _ in refusals.matching(text, table)] == [sentence.says], text


@pytest.mark.parametrize("table", sorted(refusals.catalogue()))
def test_each_sentence_is_told_with_values_that_it_has(table: str) -> None:
    for sentence in refusals.catalogue()[table]:
        assert "zh" in sentence.told, sentence.says
        assert sentence.told.keys() <= {"zh", "en"}, sentence.says
        for words in sentence.told.values():
            assert set(NAME.findall(words)) <= set(NAME.findall(sentence.says)), sentence.says
            assert words.endswith(("。", ".", "}", "？")), words


def test_whatever_the_models_say_is_known() -> None:
    faults = sorted(message for message in of_the_models() if refusals.meant(message) is None)
    assert not faults, told(faults, "add it to the last part of ops/site/refusals.toml")


def test_whatever_is_kept_and_shown_is_known() -> None:
    faults = sorted(says for says in ALSO_SAID if skeleton(says) not in known())
    assert not faults, told(faults, "add it to ops/site/refusals.toml")


def test_why_a_second_person_is_needed_is_told_in_both_languages() -> None:
    of = files("campaigns/catalogue/apply_promise.py", "ops/admin/")
    written = {
        keyword.value.value
        for source in of
        for node in source.nodes
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "second" and isinstance(keyword.value, ast.Constant) and keyword.value.value
    }
    assert len(written) > 0
    faults = sorted(why for why in written if f"second_{why.replace(' ', '_')}" not in TEXTS)
    assert not faults, told(faults, "add second_… to ops/site/admin.toml")
