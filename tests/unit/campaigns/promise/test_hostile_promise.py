"""A promise's texts: refused with their path if they span several lines, else carried unchanged."""

import json

import pytest

from campaigns.errors import PromiseRefused
from campaigns.promise.model import canonical_json
from campaigns.promise.toml_file import parse_promise
from hostile_texts import CONTROL_CHARACTER_TEXTS, ONE_LINE_TEXTS
from ledger.log.canonical import parse_canonical
from ledger.publication.outbox import leaf_body
from promises import PROMISE

TEXT_PATHS = {
    "campaign.title.zh": 'zh = "乡村教育"',
    "campaign.title.en": 'en = "Rural Education"',
    "campaign.sponsor": 'sponsor = "Example Foundation"',
    "terms.beneficiaries.0.name.zh": 'zh = "乡村小学"',
    "terms.beneficiaries.1.name.en": 'en = "Mobile Libraries"',
}
PLAIN_PATHS = {  # identifiers allow plain characters only
    "campaign.slug": 'slug = "rural-education"',
    "terms.beneficiaries.0.charity": 'charity = "village-schools"',
    "terms.beneficiaries.0.account.id": 'id = "6222020200112233445"',
    "campaign.timezone": 'timezone = "Asia/Shanghai"',
}


def toml_string(text: str) -> str:
    """Return a TOML string with every character escaped, so that the file itself is valid."""
    return '"' + "".join(f"\\U{ord(character):08X}" for character in text) + '"'


def with_text(path: str, text: str) -> bytes:
    old = (TEXT_PATHS | PLAIN_PATHS)[path]
    assert PROMISE.count(old) == 1
    return PROMISE.replace(old, f"{old.split(' = ')[0]} = {toml_string(text)}").encode()


def error_paths(file: bytes) -> list[str]:
    with pytest.raises(PromiseRefused) as refusal:
        parse_promise(file)
    return [error.path for error in refusal.value.field_errors]


@pytest.mark.parametrize("name", CONTROL_CHARACTER_TEXTS)
def test_a_text_that_is_more_than_a_line_is_refused_with_its_path(name: str) -> None:
    for path in TEXT_PATHS:
        assert error_paths(with_text(path, CONTROL_CHARACTER_TEXTS[name])) == [path]


@pytest.mark.parametrize("name", ONE_LINE_TEXTS)
def test_any_other_text_is_carried_exactly_in_one_line(name: str) -> None:
    for path in TEXT_PATHS:
        promise = parse_promise(with_text(path, ONE_LINE_TEXTS[name]))
        body = leaf_body("terms", {"campaign": "c", "promise": json.loads(canonical_json(promise))})
        assert b"\n" not in body
        value = parse_canonical(body)["promise"]
        for step in path.split("."):
            value = value[int(step) if step.isdecimal() else step]
        assert value == ONE_LINE_TEXTS[name]


@pytest.mark.parametrize(
    "text", [*CONTROL_CHARACTER_TEXTS.values(), *ONE_LINE_TEXTS.values(), "rural-education\n", "Ａ"]
)
def test_an_identifier_takes_none_of_them(text: str) -> None:
    for path in PLAIN_PATHS:
        assert error_paths(with_text(path, text)) == [path]


@pytest.mark.parametrize("escape", [r"\uD800", r"\uDFFF", r"\UD83DDE00", r"\x00"])
def test_an_escape_that_is_no_character_is_refused_with_its_position(escape: str) -> None:
    file = PROMISE.replace('sponsor = "Example Foundation"', f'sponsor = "{escape}"').encode()
    [path] = error_paths(file)
    assert path.startswith("line 5, column")
