"""References in a bank's free text: tagged, split at the end of a line, or among other words."""

import pytest

from ledger.reconciliation.statements import normalize_references
from ledger.reconciliation.statements.reasons import parse_reason
from ledger.reconciliation.statements.references import find_references

ID = "PAYQ5T4W2XK7M3J6R8V9N0P-1"


@pytest.mark.parametrize(
    "texts",
    [
        [f"EREF+{ID}"],
        [f"EREF+{ID} SVWZ+rural-education 2026-11-09"],
        [f"KREF+NONREF SVWZ+thanks EREF+{ID}"],
        ["EREF+PAYQ5T4W2XK7M3J6R8V9", "N0P-1", "SVWZ+rural-education"],
        ["EREF+PAYQ5T4W2XK7M3J6R8V9N0P-", "1"],
        ["EREF+PAYQ5T4W2XK7M3J6R8V9N0P", "-1 SVWZ+x"],
        [f"/EREF/{ID}//REMI/rural-education"],
        [f"/EREF/{ID}/REMI/x"],
        ["?20EREF+PAYQ5T4W2XK7M3J6R8?21V9N0P-1?22SVWZ+rural-education"],
        [f"End-to-End-Ref.: {ID} Payment"],
        [f"transfer {ID}, thank you"],
        [f"PAYMENT {ID}"],
        [ID.lower()],
        [f"({ID})"],
    ],
)
def test_our_id_is_found(texts: list[str]):
    assert ID in find_references(texts)


@pytest.mark.parametrize(
    "text", [f"{ID}2", "PAYQ5T4W2XK7M3J6R8V9N0P-12", "PAYQ5T4W2XK7M3J6R8V9N0-1", "rural-education"]
)
def test_another_id_is_not_ours(text: str):
    assert ID not in find_references([text])


@pytest.mark.parametrize("tag", ["EREF+", "KREF+", "PREF+"])
def test_a_tagged_reference_of_any_form_is_found(tag: str):
    assert "A-1" in find_references([f"{tag}a-1 SVWZ+thanks"])


def test_the_number_of_references_is_bounded():
    assert len(find_references([" ".join(f"R{number:05}" for number in range(1_000))])) <= 40


def test_words_for_no_reference_are_dropped():
    nothing = ["NOTPROVIDED", "Not Provided", "notprovided", "NONREF", "", " ", None, "N/A"]
    assert normalize_references(*nothing, "a b-1", "AB-1") == ("AB-1",)


@pytest.mark.parametrize(
    ("codes", "texts", "reason"),
    [
        (["AC04"], [], ("AC04", None)),
        (["AC04"], ["holder Erika Beispiel deceased"], ("AC04", "holder Erika Beispiel deceased")),
        ([], ["AC04 account closed"], ("AC04", "account closed")),
        (["Konto erloschen"], [], (None, "Konto erloschen")),
        (["NARR"], ["see letter"], ("NARR", "see letter")),
        ([None], [" "], (None, None)),
        (["AC04"], ["MD07 died"], ("AC04", "MD07 died")),
    ],
)
def test_a_code_is_kept_apart_from_the_banks_words(codes, texts, reason):
    assert parse_reason(codes, texts) == reason
