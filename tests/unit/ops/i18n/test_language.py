"""Every text in both languages, and the language that a reader gets."""

import re
from string import Formatter

import pytest
from aiohttp.test_utils import make_mocked_request

from campaigns.pledging.waterfall import StepName
from ops.i18n.language import SITE, TEXTS, negotiate_language, translate

SCRIPTS = "".join(script.read_text(encoding="utf-8") for script in sorted((SITE / "verify").glob("*.js")))
PAGES = "".join(page.read_text(encoding="utf-8") for page in sorted((SITE / "templates").rglob("*.html")))


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_each_text_says_the_same_in_both_languages(key: str) -> None:
    assert set(TEXTS[key]) == {"zh", "en"}
    assert all(TEXTS[key].values())
    assert fields(TEXTS[key]["zh"]) == fields(TEXTS[key]["en"])


def test_the_pages_say_nothing_that_is_not_a_text() -> None:
    """Words stand in texts.toml, so that none is left in one language."""
    bare = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}|<[^>]*>", " ", PAGES, flags=re.DOTALL)
    assert re.findall(r"[A-Za-z]{2,}|[一-鿿]+", bare) == ["SHA"]


def test_each_text_is_used() -> None:
    used = set(re.findall(r'\bt\("(\w+)"', PAGES.replace("'", '"')))
    made = tuple(set(re.findall(r't\("(\w+_)" ~', PAGES)))
    code = "".join(file.read_text(encoding="utf-8") for file in sorted((SITE.parent).rglob("*.py")))
    said = set(re.findall(r'say\("(\w+)"', code)) | set(re.findall(r'"((?:promise|payout)_\w+)"', code))
    said |= set(re.findall(r'"(proof_\w+)"', SCRIPTS))
    made += tuple(re.findall(r"say\(`(\w+_)\$", SCRIPTS))
    made += tuple(re.findall(r'"(verify_how_)" ~', PAGES)) + tuple(re.findall(r'say\(f"(\w+_)\{', code))
    left = {key for key in TEXTS if key not in used | said and not key.startswith((*made, *WORDED, "problem_"))}
    assert {key for key in left if not key.endswith(("_is", "_none", "_lead")) and key not in COLUMNS} == set()


def test_each_reason_that_the_scripts_give_has_words() -> None:
    """A text that is missing would be found when a receipt is false: too late."""
    for wanted, pattern in {
        "proof_why_": r'why: "(\w+)"|NoteRefused\("(\w+)"',
        "proof_no_": r'MalformedReceipt\("(\w+)"',
        "proof_": r'say\("proof_(\w+)"|\["proof_(\w+)"',
    }.items():
        given = {word for match in re.finditer(pattern, SCRIPTS) for word in match.groups() if word}
        assert given, wanted
        assert {wanted + word for word in given} <= TEXTS.keys()
    for step in ("like", "batch", "count", "signature", "log"):
        assert {f"proof_step_{step}", f"proof_says_{step}", f"verify_how_{step}"} <= TEXTS.keys()


WORDED = ("field_", "hint_", "choice_", "command_", "note_", "kind_", "row_", "approval_reason_", "list_", "proposal_state_")
COLUMNS = {"counted", "withdrawn", "earned", "capped", "pledged", "settled", "paid"}


@pytest.mark.parametrize("name", StepName)
def test_each_step_of_the_waterfall_has_words(name: StepName) -> None:
    assert translate(f"step_{name.value}", "en")


@pytest.mark.parametrize(
    ("address", "accepts", "language"),
    [
        ("/", "", "zh"),
        ("/", "en", "en"),
        ("/", "en-US,en;q=0.9,zh;q=0.8", "en"),
        ("/", "zh-TW,zh;q=0.9,en;q=0.8", "zh"),
        ("/", "fr,en;q=0.5,zh;q=0.7", "zh"),
        ("/", "fr, de;q=0.5", "zh"),
        ("/", "en;q=0", "zh"),
        ("/", "en;q=x, zh;q=0.001", "zh"),
        ("/", ";;,=,q=1;q=;" * 100, "zh"),
        ("/?lang=en", "zh", "en"),
        ("/?lang=zh", "en", "zh"),
    ],
)
def test_the_language_is_the_address_s_or_else_the_browser_s(address: str, accepts: str, language: str) -> None:
    assert negotiate_language(make_mocked_request("GET", address, headers={"Accept-Language": accepts})) == language
