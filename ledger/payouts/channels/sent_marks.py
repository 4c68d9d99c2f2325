"""Marks of the messages that were sent, in a folder outside the database: the SHA-256 of each body.

A restored database repeats message ids with other contents. The mark shows it before a counterparty
is asked, whose answer would be about the other message.
"""

import os
from hashlib import sha256
from pathlib import Path

from ledger.errors import SettlementRefused
from ledger.payouts.channels import Message

_FOLDER = ".told"  # under another name messages of earlier versions would be sent again


def body_digest(message: Message) -> str:
    """Return the SHA-256 of a message's body in hex. Pure."""
    return sha256(message.body).hexdigest()


def require_same_body(message: Message, digest: str) -> None:
    """Check that a digest is of this message's body. Pure.

    Raises SettlementRefused if the counterparty knows another message under the same id.
    """
    if digest != body_digest(message):
        raise SettlementRefused(
            "payout_message_differs", message=message.message_id, sha256=body_digest(message), sent_sha256=digest
        )


def mark_path(folder: Path, message: Message) -> Path:
    """Return the file of a message's mark. Pure."""
    return folder / _FOLDER / message.message_id


def read_mark(folder: Path, message: Message) -> str | None:
    """Return the digest of the body that was sent under the message's id, None if there is no mark.

    Earlier versions wrote empty marks, for which it returns "".
    """
    try:
        return mark_path(folder, message).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def write_mark(folder: Path, message: Message) -> None:
    """Store the mark durably; call it before the counterparty can see the message."""
    path = mark_path(folder, message)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(path, f"{body_digest(message)}\n".encode())


def write_durably(path: Path, body: bytes) -> None:
    """Write a file and its directory entry so that they survive a power loss."""
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
