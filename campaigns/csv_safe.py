"""Cells of a CSV file that people open in a spreadsheet: what it would take for a formula is told as text."""

# OWASP, "CSV Injection": with these a formula begins; the full-width ones count where Chinese or Japanese is typed.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(told: str | None) -> str:
    """Return a text that others wrote, with an apostrophe before it where a spreadsheet would work it out."""
    if told is None:
        return ""
    return f"'{told}" if told.lstrip(" ").startswith(_FORMULA) else told
