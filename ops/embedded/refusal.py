"""What the embedded server refuses, and how its own last words are put into advice."""

_ADVICE = (
    ("No space left on device", "the disk is full: make room, then start again"),
    ("pre-existing shared memory block", "another PostgreSQL works on this folder: stop it first"),
    ("could not create shared memory segment", "the machine allows too little shared memory (kernel.shmmax)"),
    ("could not look up effective user ID", "this user has no name: add it to /etc/passwd, or run as another"),
    ("Permission denied", "the server may not read or write there: look at the folder's owner and mode"),
    ("Read-only file system", "the folder cannot be written: choose another with LIKE_LEDGER_DATA_DIR"),
    ("error while loading shared libraries", "a system library is missing (on Debian: apt-get install zlib1g)"),
)


class EmbeddedRefused(Exception):
    """The embedded database cannot be had; the message says what to do."""


def explained(log: str) -> str:
    """Return advice for what initdb or the server wrote before it gave up, with the line that it rests on."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for line in reversed(lines):
        for words, advice in _ADVICE:
            if words in line:
                return f"{advice} ({line})"
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line]
    return (fatal or lines or ["it wrote nothing"])[-1]
