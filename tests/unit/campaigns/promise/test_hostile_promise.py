"""A promise's texts: refused with their path where they would be more than one line, else carried as they are."""

import json

import pytest

from campaigns.errors import PromiseRefused
from campaigns.promise.model import canonical_json
from campaigns.promise.toml_file import parse_promise
from hostile import CONTROL_CHARACTER_TEXTS, ONE_LINE_TEXTS
from ledger.log.canonical import parse_canonical
from ledger.publication.outbox import leaf_body
from promises import PROMISE

PLACES = {
    "campaign.title.zh": 'zh = "乡村教育"',
    "campaign.title.en": 'en = "Rural Education"',
    "campaign.sponsor": 'sponsor = "Example Foundation"',
    "terms.beneficiaries.0.name.zh": 'zh = "乡村小学"',
    "terms.beneficiaries.1.name.en": 'en = "Mobile Libraries"',
}
PLAIN = {  # what is no text for people has no room for tricks at all
    "campaign.slug": 'slug = "rural-education"',
    "terms.beneficiaries.0.charity": 'charity = "village-schools"',
    "terms.beneficiaries.0.account.id": 'id = "6222020200112233445"',
    "campaign.timezone": 'timezone = "Asia/Shanghai"',
}


def written(text: str) -> str:
    """Return a TOML string of a text, with whatever needs it escaped: so the file itself is no obstacle."""
    return '"' + "".join(f"\\U{ord(character):08X}" for character in text) + '"'


def with_text(place: str, text: str) -> bytes:
    old = (PLACES | PLAIN)[place]
    assert PROMISE.count(old) == 1
    return PROMISE.replace(old, f"{old.split(' = ')[0]} = {written(text)}").encode()


def refused(file: bytes) -> list[str]:
    with pytest.raises(PromiseRefused) as refusal:
        parse_promise(file)
    return [fault.path for fault in refusal.value.field_errors]


@pytest.mark.parametrize("name", CONTROL_CHARACTER_TEXTS)
def test_a_text_that_is_more_than_a_line_is_refused_with_its_path(name: str) -> None:
    for place in PLACES:
        assert refused(with_text(place, CONTROL_CHARACTER_TEXTS[name])) == [place]


@pytest.mark.parametrize("name", ONE_LINE_TEXTS)
def test_any_other_text_is_carried_exactly_in_one_line(name: str) -> None:
    for place in PLACES:
        promise = parse_promise(with_text(place, ONE_LINE_TEXTS[name]))
        body = leaf_body("terms", {"campaign": "c", "promise": json.loads(canonical_json(promise))})
        assert b"\n" not in body
        told = parse_canonical(body)["promise"]
        for step in place.split("."):
            told = told[int(step) if step.isdecimal() else step]
        assert told == ONE_LINE_TEXTS[name]


@pytest.mark.parametrize(
    "text", [*CONTROL_CHARACTER_TEXTS.values(), *ONE_LINE_TEXTS.values(), "rural-education\n", "Ａ"]
)
def test_a_name_takes_none_of_them(text: str) -> None:
    for place in PLAIN:
        assert refused(with_text(place, text)) == [place]


@pytest.mark.parametrize("escape", [r"\uD800", r"\uDFFF", r"\UD83DDE00", r"\x00"])
def test_an_escape_that_is_no_character_is_refused_where_it_stands(escape: str) -> None:
    file = PROMISE.replace('sponsor = "Example Foundation"', f'sponsor = "{escape}"').encode()
    [place] = refused(file)
    assert place.startswith("line 5, column")
