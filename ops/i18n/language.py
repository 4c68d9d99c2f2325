"""The pages' languages: how a request selects one, and every text of the pages in each."""

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
_TAGS_MAX = 20


def translate(key: str, language: Language, **values: object) -> str:
    """Return a text with its values filled in.

    Raises KeyError if the texts do not have the key.
    """
    return TEXTS[key][language].format(**values)


def localize(localized: LocalizedText, language: Language) -> str:
    """Return a promise's text in one language."""
    return localized.zh if language == "zh" else localized.en


def negotiate_language(request: web.Request) -> Language:
    """Return the language of the `lang` parameter, else the browser's preferred one, else Chinese."""
    tag = request.query.get("lang")
    if tag is None:
        tags = _accepted_tags(request.headers.get("Accept-Language", ""))
        tag = negotiate_locale(tags, list(LOCALES), sep="-")
    return "en" if tag == "en" else "zh" if tag == "zh" else DEFAULT


def _accepted_tags(header: str) -> list[str]:
    """Return the tags of an Accept-Language header, most preferred first (RFC 9110, section 12.5.4)."""
    parts = header.split(",")[:_TAGS_MAX]
    weights = [_weight(part, index) for index, part in enumerate(parts) if part.strip()]
    return [tag for weight, _, tag in sorted(weights) if weight < 0]


def _weight(part: str, index: int) -> tuple[int, int, str]:
    tag, _, quality = part.strip().partition(";q=")
    whole, _, thousandths = quality.strip().partition(".")
    digits = (thousandths + "000")[:3]
    weight = 1_000 if not quality or whole == "1" else int(digits) if digits.isdecimal() else 0
    return -weight, index, tag.strip()
