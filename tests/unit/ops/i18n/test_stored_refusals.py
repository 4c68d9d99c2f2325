"""Text of stored refusals in both languages; sentences of old releases stay as they are."""

import pytest

from campaigns.errors import FieldError, ValidationFailed
from campaigns.stored_refusals import encode_refusal, refusal_object
from ledger.errors import Refusal
from ops.i18n.language import Language
from ops.i18n.stored_refusals import failure_text, stored_refusal_text

STOPPED = Refusal("upload_stopped_by", name="cat", reason="the wrong file")
FAILED = ValidationFailed([FieldError("a", "missing"), FieldError("b", "filter_boolean")])


@pytest.mark.parametrize(
    ("refusal", "language", "text"),
    [
        (STOPPED, "en", "Stopped by cat: the wrong file"),
        (STOPPED, "zh", "由 cat 停止：the wrong file"),
        (FAILED, "en", "a: Enter a value.; b: Choose yes or no (`true` or `false`)."),
        (FAILED, "zh", "a: 请填写。；b: 请选“是”或“否”（`true` 或 `false`）。"),
    ],
)
def test_a_stored_refusal_is_shown_in_the_reader_s_language(refusal: Refusal, language: Language, text: str) -> None:
    assert stored_refusal_text(encode_refusal(refusal, 500), language) == text
    assert failure_text(refusal_object(refusal), language) == text


def test_a_sentence_of_an_old_release_is_shown_unchanged() -> None:
    assert stored_refusal_text("village-schools is disabled", "zh") == "village-schools is disabled"
