"""Base64 of the log's files (RFC 4648, 4). Only the canonical form is accepted."""

import base64


def to_base64(raw: bytes) -> str:
    """Return standard base64 with padding."""
    return base64.b64encode(raw).decode("ascii")


def from_base64(text: str) -> bytes:
    """Return the decoded bytes.

    Raises ValueError unless `to_base64` would write the same text.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError(f"not base64: {error}") from None
    if to_base64(raw) != text:  # RFC 4648, 3.5: nonzero pad bits
        raise ValueError("not base64 in canonical form")
    return raw
