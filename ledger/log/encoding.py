"""Base64 of the log's files: RFC 4648, section 4, and only in its one canonical form, so that no line has a twin."""

import base64


def to_base64(raw: bytes) -> str:
    """Return standard base64 with padding."""
    return base64.b64encode(raw).decode("ascii")


def from_base64(text: str) -> bytes:
    """Return the bytes. ValueError if `text` is anything but what `to_base64` writes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as fault:
        raise ValueError(f"not base64: {fault}") from None
    if to_base64(raw) != text:  # RFC 4648, 3.5: unused bits that are not zero
        raise ValueError("not base64 in its canonical form")
    return raw
