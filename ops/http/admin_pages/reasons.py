"""What is wrong with a field, said to people: the models' sentences in the reader's language, as far as known."""

import re
from collections.abc import Sequence

from ops.http.admin_pages.fields import Kind
from ops.http.language import TEXTS, Language, say

_NUMBER = r"(?P<number>[\d.]+)"
_SENTENCES: Sequence[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), key)
    for pattern, key in (
        (r"^Field required$", "fault_missing"),
        (r"^Extra inputs are not permitted$", "fault_extra"),
        (rf"^(String|List|Value) should have at least {_NUMBER} (character|item)", "fault_missing"),
        (rf"^String should have at most {_NUMBER} character", "fault_long"),
        (rf"^List should have at most {_NUMBER} item", "fault_many"),
        (r"^String should match pattern", "fault_form"),
        (rf"^Input should be greater than or equal to {_NUMBER}$", "fault_least"),
        (rf"^Input should be less than or equal to {_NUMBER}$", "fault_most"),
        (r"^Input should be a valid (datetime|timezone)", "fault_moment"),
        (r"^Input should (be a valid datetime|have timezone)", "fault_moment"),
        (r"^Input should be a valid date", "fault_day"),
        (r"^Input should be a valid integer", "fault_whole"),
        (r"^Input should be '", "fault_choice"),
        (r"^ends_at must come after starts_at$", "fault_backward"),
        (r"^no such time zone", "fault_timezone"),
        (r"^no currency of ISO 4217", "fault_currency"),
        (r"^the IBAN's check digits are wrong$", "fault_iban"),
        (rf"^the share_bp add up to {_NUMBER}, not 10000$", "fault_shares"),
        (r"^there is a campaign of that name already", "fault_taken"),
        (rf"^the newest terms are version {_NUMBER}", "fault_newer"),
    )
]
_BY_KIND = {
    ("fault_whole", Kind.MONEY): "fault_amount",
    ("fault_whole", Kind.PERCENT): "fault_percent",
}
_IN_MINOR = {"fault_least", "fault_most"}


def reason(told: str, kind: Kind | None, language: Language) -> str:
    """Return what to say of a fault; the sentence as it is where no other is known. Pure."""
    for pattern, known in _SENTENCES:
        if match := pattern.match(told):
            key = _BY_KIND.get((known, kind), known) if kind else known
            if key in _IN_MINOR and kind in (Kind.MONEY, Kind.PERCENT):
                key = f"{key}_amount"
            return say(key, language, number=_shown(key, match.groupdict().get("number") or ""))
    return told


def _shown(key: str, number: str) -> str:
    if key == "fault_shares":
        return f"{int(number) // 100}.{int(number) % 100:02}".rstrip("0").rstrip(".") + "%"
    return number


def is_said(key: str) -> bool:
    """Tell whether there is a text of that key."""
    return key in TEXTS
