"""Every text in both languages, and the choice of a request's language."""

import re
from string import Formatter

import pytest
from aiohttp.test_utils import make_mocked_request

from campaigns.pledging.waterfall import StepName
from ops.i18n.language import SITE, TEXTS, negotiate_language, translate

SCRIPTS = "".join(script.read_text(encoding="utf-8") for script in sorted((SITE / "verify").glob("*.js")))
PAGES = "".join(page.read_text(encoding="utf-8") for page in sorted((SITE / "templates").rglob("*.html")))


CODE = "".join(file.read_text(encoding="utf-8") for file in sorted(SITE.parent.rglob("*.py")))
# Texts whose key is made of a kind and a name (`ops/i18n/labels.py`, `ops/http/web/pages.py`).
LOOKED_UP = (
    *("field_", "hint_", "choice_", "command_", "note_", "kind_", "row_", "approval_reason_", "list_", "family_"),
    *("proposal_state_", "problem_", "settlement_", "evidence_", "span_"),
)
SUFFIXES = ("_is", "_none", "_lead")  # added to a key by the templates and views
COLUMNS = {"counted", "withdrawn", "earned", "capped", "pledged", "settled", "paid"}
_KEY_FORMS = (r't\("(\w+)"', r't\([^()"]*"(\w+)" if', r'else t?\(?"(\w+)"', r'translate\("(\w+)"')
_PREFIX_FORMS = (r'\bt\("(\w+_)" ~', r"translate\(`(\w+_)\$", r'translate\(f"(\w+_)\{', r'"(verify_how_)" ~')


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_each_text_exists_in_both_languages_with_the_same_values(key: str) -> None:
    assert set(TEXTS[key]) == {"zh", "en"}
    assert all(TEXTS[key].values())
    assert placeholders(TEXTS[key]["zh"]) == placeholders(TEXTS[key]["en"])


def test_the_templates_contain_no_words() -> None:
    """Words belong into texts.toml, in both languages."""
    bare = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}|<[^>]*>", " ", PAGES, flags=re.DOTALL)
    assert set(re.findall(r"[A-Za-z]{2,}|[一-鿿]+", bare)) == {"SHA"}


def test_each_text_is_used() -> None:
    pages, texts = PAGES.replace("'", '"'), f"{PAGES}{SCRIPTS}{CODE}".replace("'", '"')
    used = {key for form in _KEY_FORMS for key in re.findall(form, texts)}
    used |= set(re.findall(r'"((?:promise|payout)_\w+)"', CODE)) | set(re.findall(r'"(proof_\w+)"', SCRIPTS))
    prefixes = tuple({prefix for form in _PREFIX_FORMS for prefix in re.findall(form, pages + SCRIPTS + CODE)})
    unused = {key for key in TEXTS if key not in used | COLUMNS and not key.startswith((*prefixes, *LOOKED_UP))}
    assert {key for key in unused if not key.endswith(SUFFIXES)} == set()


def test_the_rule_finds_an_unused_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TEXTS, "text_of_no_page", {"zh": "文字", "en": "text"})
    with pytest.raises(AssertionError, match="text_of_no_page"):
        test_each_text_is_used()


def test_each_code_of_the_scripts_has_a_text() -> None:
    """Otherwise a missing text would only be noticed when a receipt is false."""
    for prefix, pattern in {
        "proof_why_": r'code: "(\w+)"|NoteRefused\("(\w+)"',
        "proof_no_": r'MalformedReceipt\("(\w+)"',
        "proof_": r'translate\("proof_(\w+)"|\["proof_(\w+)"',
    }.items():
        codes = {word for match in re.finditer(pattern, SCRIPTS) for word in match.groups() if word}
        assert codes, prefix
        assert {prefix + code for code in codes} <= TEXTS.keys()
    for step in ("like", "batch", "count", "signature", "log"):
        assert {f"proof_step_{step}", f"proof_says_{step}", f"verify_how_{step}"} <= TEXTS.keys()


@pytest.mark.parametrize("name", StepName)
def test_each_step_of_the_waterfall_has_a_text(name: StepName) -> None:
    assert translate(f"step_{name.value}", "en")


@pytest.mark.parametrize(
    ("url", "accepts", "language"),
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
def test_the_url_s_language_wins_over_the_browser_s(url: str, accepts: str, language: str) -> None:
    assert negotiate_language(make_mocked_request("GET", url, headers={"Accept-Language": accepts})) == language
