"""Legacy: refusals that are still English sentences. To delete with `ops/i18n/legacy_refusals.py`."""

from ops.i18n.legacy_refusals import match_sentence, refusal_sentences, translate_refusal


def test_an_unknown_message_is_shown_unchanged() -> None:
    assert translate_refusal("nobody wrote this sentence", None, "zh") == "nobody wrote this sentence"


def test_a_message_beyond_the_size_limit_is_shown_unchanged() -> None:
    message = next(sentence.template for table in refusal_sentences().values() for sentence in table)
    assert translate_refusal(message + "x" * 3_000, None, "zh") == message + "x" * 3_000


def test_each_sentence_without_values_matches_itself() -> None:
    sentences = [s for table, rows in refusal_sentences().items() if table == "sentences" for s in rows]
    fixed = [sentence for sentence in sentences if "{" not in sentence.template]
    assert [s.template for s in fixed if (match_sentence(s.template) or (None,))[0] is not s] == []
