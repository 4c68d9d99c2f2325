"""Names that mean the same person to a reader, and names that try to look like another."""

import pytest

from ledger.person_names import distinct_people, is_same_person, mixes_scripts


@pytest.mark.parametrize(
    "other",
    ["Ann", "ANN", "ａｎｎ", "𝐚𝐧𝐧", "аnn", " ann ", "a\u200bnn", "a\u00adnn", "ann\ufe0f", "a\u034fnn", "\u202eann"],
)
def test_spellings_of_a_name_are_one_person(other: str):
    assert is_same_person("ann", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("İ", "i̇"),
        ("é", "e\u0301"),
        ("ﬁn", "fin"),
        ("Ann  Lee", "ann\u00a0lee"),
        ("coco", "сосо"),
    ],
)
def test_more_spellings_of_a_name_are_one_person(one: str, other: str):
    assert is_same_person(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("ann", "anna"), ("王伟", "王偉"), ("e", "é"), ("ann1", "ann2"), ("анна", "анно")]
)
def test_other_names_are_other_people(one: str, other: str):
    assert not is_same_person(one, other)


@pytest.mark.parametrize("name", ["аnn", "Αnn", "ann.петров", "ԁave", "王а", "аλ"])
def test_a_name_that_mixes_scripts_is_told(name: str):
    assert mixes_scripts(name)


@pytest.mark.parametrize(
    "name",
    [
        "ann",
        "Ann O'Neill-2",
        "анна",
        "王伟",
        "王 Ann",
        "やまだ 太郎",
        "김철수",
        "ａｎｎ",
        "Ελένη",
        "auth0|5f7c8ec7",
        "a@b.example",
        "",
    ],
)
def test_a_name_of_one_script_is_accepted(name: str):
    assert not mixes_scripts(name)


def test_people_are_counted_once_in_order():
    assert distinct_people(["bob", "Ann", "BOB", "ann", "carl"]) == ["bob", "Ann", "carl"]
