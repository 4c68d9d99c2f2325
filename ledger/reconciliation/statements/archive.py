"""Read the members of a ZIP archive within limits; a member is read, never written. Pure."""

import zlib
from collections.abc import Iterator
from io import BytesIO
from lzma import LZMAError
from zipfile import BadZipFile, ZipFile, ZipInfo

from ledger.reconciliation.statements import FILE_BYTES_MAX, StatementRefused

MEMBERS_MAX = 1_000
_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
_BROKEN = (BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
_ENCRYPTED_FLAG = 0x1


def is_archive(body: bytes) -> bool:
    """Tell whether a file begins as a ZIP archive does."""
    return body.startswith(_SIGNATURES)


def read_members(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each member, in the order of the archive.

    Raises StatementRefused if the archive is broken or encrypted, or its content is too large.
    """
    try:
        with ZipFile(BytesIO(body)) as archive:
            members = [member for member in archive.infolist() if not _is_accessory(member)]
            if len(members) > MEMBERS_MAX:
                raise StatementRefused("archive_members_too_many", members_number=MEMBERS_MAX)
            bytes_left = FILE_BYTES_MAX
            for member in members:
                content = _read_member(archive, member, bytes_left)
                bytes_left -= len(content)
                yield member.filename[:100], content
    except _BROKEN as error:
        raise StatementRefused("archive_broken", detail=str(error)[:100]) from None


def _is_accessory(member: ZipInfo) -> bool:
    """Tell whether a member is a folder or what an operating system adds."""
    name = member.filename.rpartition("/")[2]
    return member.is_dir() or member.filename.startswith("__MACOSX/") or name in {".DS_Store", "Thumbs.db"}


def _read_member(archive: ZipFile, member: ZipInfo, bytes_max: int) -> bytes:
    if member.flag_bits & _ENCRYPTED_FLAG:
        raise StatementRefused("archive_encrypted", member=member.filename[:100])
    with archive.open(member) as stream:
        content = stream.read(bytes_max + 1)  # the sizes in the archive may lie
    if len(content) > bytes_max:
        raise StatementRefused("statement_file_too_large", mebibytes_number=FILE_BYTES_MAX // 1024**2)
    return content
