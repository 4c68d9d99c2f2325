"""Text of stored refusals: why a proposal or an upload failed, in the reader's language."""

from collections.abc import Mapping
from typing import Any

from campaigns.errors import ValidationFailed
from campaigns.stored_refusals import decode_refusal, parse_refusal
from ledger.errors import Refusal
from ops.i18n.language import Language
from ops.i18n.refusals import refusal_text


def stored_refusal_text(text: str, language: Language) -> str:
    """Return a stored refusal in words; a sentence of an old release unchanged. Pure."""
    refusal = decode_refusal(text)
    return text if refusal is None else refusal_with_fields_text(refusal, language)


def failure_text(failure: Mapping[str, Any], language: Language) -> str:
    """Return the `failure` of a proposal or an upload, a refusal as JSON object, in words. Pure."""
    return refusal_with_fields_text(parse_refusal(failure), language)


def refusal_with_fields_text(refusal: Refusal, language: Language) -> str:
    """Return a refusal in words; of a validation the path and sentence of each field error.

    Pure.
    """
    if not isinstance(refusal, ValidationFailed):
        return refusal_text(refusal, language)
    separator = "；" if language == "zh" else "; "
    return separator.join(f"{error.path}: {refusal_text(error, language)}" for error in refusal.field_errors)
