"""CSV cells that no spreadsheet evaluates as a formula."""

# OWASP, "CSV Injection": a formula begins with one of these. Spreadsheets in Chinese or Japanese
# also accept the full-width forms.
_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def escape_formula(text: str | None) -> str:
    """Return the text, after an apostrophe if a spreadsheet would evaluate it; "" for None.

    Pure.
    """
    if text is None:
        return ""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_PREFIXES) else text
