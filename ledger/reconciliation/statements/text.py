"""Decode the text of a bank file: UTF-8, UTF-16, GB18030 and others, declared or not. Pure."""

import codecs
import re

from ledger.reconciliation.statements import StatementRefused

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE_STARTS = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"), (b"a\0", "utf-16-le"), (b"\0a", "utf-16-be"))
_DECLARATION = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]{0,40})[\"']")
_CHINESE = frozenset({"gbk", "gb2312", "gb18030", "hz"})  # GB18030 contains them
_TEXT_ENCODINGS = re.compile(
    r"utf-?(?:8|16|32)(?:-le|-be|-sig)?|ascii|iso8859-[0-9]+|cp[0-9]+|koi8-[rut]|big5(?:hkscs)?|shift_jis|euc_.*|mac-.*"
)


def decode_text(body: bytes) -> str:
    """Return the text of a file without its byte order mark.

    Raises StatementRefused if it is binary, or no encoding fits.
    """
    for bom, encoding in _BOMS:
        if body.startswith(bom):
            return _require_text(_decode(body[len(bom) :], encoding))
    for start, encoding in _WIDE_STARTS:
        if body.startswith(start):
            return _require_text(_decode(body, encoding))
    # A declaration may be wrong: a program may have changed the encoding and kept the text.
    for encoding in dict.fromkeys([*_declared_encoding(body), "utf-8", "gb18030", "cp1252"]):
        text = _decode(body, encoding)
        if text is not None:
            return _require_text(text)
    raise StatementRefused("statement_file_not_text")


def _declared_encoding(body: bytes) -> list[str]:
    """Return the codec that an XML declaration names, as a list of at most one."""
    match = _DECLARATION.match(body)
    if match is None:
        return []
    try:
        name = codecs.lookup(match[1].decode()).name
    except LookupError:
        return []
    if name in _CHINESE:
        return ["gb18030"]
    return [name] if _TEXT_ENCODINGS.fullmatch(name) and not name.startswith(("utf-16", "utf-32")) else []


def _decode(body: bytes, encoding: str) -> str | None:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        return None


def _require_text(text: str | None) -> str:
    if text is None or "\0" in text:
        raise StatementRefused("statement_file_is_binary" if text else "statement_file_not_text")
    return text
