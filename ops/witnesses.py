"""The witnesses in the settings: `KEY URL` each, separated by newlines or commas."""

from urllib.parse import urlsplit

from ledger.log.cosignature import parse_witness_key
from ledger.log.note import MalformedKey
from ledger.publication.witness_client import Witness
from ops.settings import PREFIX, Settings, SettingsRefused

WITNESSES_MAX = 15  # readers of notes must accept 16 signatures; the log's is one of them
_SETTING = f"{PREFIX}LOG_WITNESSES"


def load_witnesses(settings: Settings) -> tuple[Witness, ...]:
    """Return the configured witnesses; none is allowed.

    Raises SettingsRefused if an entry is malformed or repeated.
    """
    lines = [line for part in (settings.log_witnesses or "").split("\n") for line in part.split(",")]
    witnesses = tuple(_parse_witness(line.split()) for line in lines if line.strip())
    if len(witnesses) > WITNESSES_MAX:
        raise SettingsRefused(f"{_SETTING}: {len(witnesses)} witnesses; at most {WITNESSES_MAX} are allowed")
    for duplicate, names in (
        ("name", [w.key.name for w in witnesses]),
        ("key", [w.key.public_key for w in witnesses]),
    ):
        if len(set(names)) < len(names):
            raise SettingsRefused(f"{_SETTING}: two witnesses have the same {duplicate}")
    return witnesses


def _parse_witness(fields: list[str]) -> Witness:
    try:
        key, url = fields
    except ValueError:
        raise SettingsRefused(
            f"{_SETTING}: an entry must be a verifier key and an address: `KEY https://…`"
        ) from None
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.query or parts.fragment or parts.username:
        raise SettingsRefused(f"{_SETTING}: {url} is not a base address for add-checkpoint")
    try:
        return Witness(parse_witness_key(key), url)
    except MalformedKey as error:
        raise SettingsRefused(f"{_SETTING}: {key}: {error}") from None
