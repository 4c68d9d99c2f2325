"""Reasons of returns: of a bank's words only a known code is public."""

import pytest

from ledger.settlements import return_reasons
from ledger.settlements.return_reasons import RETURNED_BY_BANK, public_reason, public_reason_text, reason_text

CASES = [
    ("AC04", "AC04"),
    ("AC04 holder deceased", "AC04"),
    ("ac04 holder deceased", "AC04"),
    ("AC04/holder deceased", "AC04"),
    ("/RTRN/AC04/holder deceased", "AC04"),
    ("RJCT: AM05 Duplicate of 2026", "AM05"),
    ("CNOR", "CNOR"),
    ("MS03 ", "MS03"),
    ("refused_without_reason", "refused_without_reason"),
    ("", RETURNED_BY_BANK),
    ("JOHN Smith is dead", RETURNED_BY_BANK),  # four capitals, but no code
    ("ERIKA DUPL", RETURNED_BY_BANK),  # a code of letters alone could be part of a name
    ("ZZ99 unknown", RETURNED_BY_BANK),
    ("XAC04", RETURNED_BY_BANK),
    ("AC044", RETURNED_BY_BANK),
    ("account number 6222020200112233445 is unknown", RETURNED_BY_BANK),
    ("账户持有人已故", RETURNED_BY_BANK),
]


@pytest.mark.parametrize(("reason", "code"), CASES)
def test_only_a_known_code_is_public(reason: str, code: str):
    assert public_reason(reason) == code
    assert public_reason(public_reason(reason)) == code


def test_no_reason_has_no_code_and_no_words():
    assert public_reason(None) is None
    assert public_reason_text(None) is None
    assert reason_text(None) is None


def test_every_code_has_words_in_both_languages():
    for code, texts in return_reasons._TEXTS.items():
        assert [public_reason_text(code, language) for language in ("en", "zh")] == list(texts)
        assert all(texts)
    usual = "AC01 AC04 AC06 AM04 AM05 AG01 BE05 CNOR DNOR MD07 MS02 MS03 RR04"
    assert set(usual.split()) <= return_reasons._TEXTS.keys()


def test_finance_reads_the_banks_words():
    assert reason_text("AC04 holder deceased", "zh") == "AC04 holder deceased"
    assert reason_text("AC04", "zh") == "收款账户已销户"
