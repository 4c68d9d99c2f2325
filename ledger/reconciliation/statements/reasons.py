"""Tell the code of a bank's reason from its free words, which may name a person. Pure.

ISO 20022 external code sets: https://www.iso20022.org/catalogue-messages/additional-content-messages/external-code-sets
"""

import re
from collections.abc import Iterable

_CODE = re.compile(r"[A-Z]{2}[0-9]{2}|[A-Z]{4}|[0-9]{3}")
_TEXT_CHARS_MAX = 500


def parse_reason(codes: Iterable[str | None], texts: Iterable[str]) -> tuple[str | None, str | None]:
    """Return the code and the words of a reason, each None if absent.

    A code that does not look like one counts as words; words that begin with a code give it.
    """
    code, words = None, []
    for text in (*filter(None, codes), *texts):
        first, *rest = text.split()[:_TEXT_CHARS_MAX] or [""]
        if code is None and _CODE.fullmatch(first):
            code = first
        else:
            rest = [first, *rest]
        words.append(" ".join(rest))
    return code, " ".join(filter(None, words))[:_TEXT_CHARS_MAX] or None
