"""Cells of a CSV file that people open in a spreadsheet: what it would take for a formula is told as text."""

# OWASP, "CSV Injection": with these a formula begins; the full-width ones count where Chinese or Japanese is typed.
_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def escape_formula(text: str | None) -> str:
    """Return a text that others wrote, with an apostrophe before it where a spreadsheet would work it out."""
    if text is None:
        return ""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_PREFIXES) else text
