"""The languages of the pages: which one a reader gets, and what each text says in it."""

import tomllib
from pathlib import Path
from typing import Literal

from aiohttp import web
from babel import Locale
from babel.core import negotiate_locale

from campaigns.promise.model import LocalizedText

Language = Literal["zh", "en"]

SITE = Path(__file__).parent.parent / "site"
TEXTS: dict[str, dict[Language, str]] = {
    key: text
    for name in ("texts.toml", "admin.toml")
    for key, text in tomllib.loads((SITE / name).read_text(encoding="utf-8")).items()
}
LOCALES: dict[Language, Locale] = {"zh": Locale("zh", script="Hans"), "en": Locale("en", "GB")}
TAGS: dict[Language, str] = {"zh": "zh-Hans", "en": "en"}  # BCP 47
DEFAULT: Language = "zh"


def translate(key: str, language: Language, **values: object) -> str:
    """Return a text with its words filled in; KeyError where there is no such text."""
    return TEXTS[key][language].format(**values)


def localize(localized: LocalizedText, language: Language) -> str:
    """Return what a promise says in one language."""
    return localized.zh if language == "zh" else localized.en


def negotiate_language(request: web.Request) -> Language:
    """Return the language that the address names, or else the one that the browser prefers most."""
    asked = request.query.get("lang")
    if asked is None:
        wanted = _accepted_tags(request.headers.get("Accept-Language", ""))
        asked = negotiate_locale(wanted, list(LOCALES), sep="-")
    return "en" if asked == "en" else "zh" if asked == "zh" else DEFAULT


def _accepted_tags(header: str) -> list[str]:
    """Return the tags of an Accept-Language header, dearest first (RFC 9110, section 12.5.4)."""
    weighed = [_weight(part, place) for place, part in enumerate(header.split(",")[:20]) if part.strip()]
    return [tag for weight, _, tag in sorted(weighed) if weight < 0]


def _weight(part: str, index: int) -> tuple[int, int, str]:
    tag, _, quality = part.strip().partition(";q=")
    whole, _, thousandths = quality.strip().partition(".")
    digits = (thousandths + "000")[:3]
    weight = 1_000 if not quality or whole == "1" else int(digits) if digits.isdecimal() else 0
    return -weight, index, tag.strip()
