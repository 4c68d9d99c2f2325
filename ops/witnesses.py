"""The witnesses that the settings name: `KEY URL` each, on lines of their own or parted by commas."""

from urllib.parse import urlsplit

from ledger.log.cosignature import parse_witness_key
from ledger.log.note import MalformedKey
from ledger.publication.witness_client import Witness
from ops.settings import PREFIX, Settings, SettingsRefused

WITNESSES_MAX = 15  # readers of signed notes must take 16 signatures, and one is the log's own
_SETTING = f"{PREFIX}LOG_WITNESSES"


def load_witnesses(settings: Settings) -> tuple[Witness, ...]:
    """Return whom the log asks for cosignatures; nobody is fine. SettingsRefused names what cannot be."""
    lines = [line for part in (settings.log_witnesses or "").split("\n") for line in part.split(",")]
    found = tuple(_parse_witness(line.split()) for line in lines if line.strip())
    if len(found) > WITNESSES_MAX:
        raise SettingsRefused(f"{_SETTING}: {len(found)} witnesses, and {WITNESSES_MAX} are the most")
    for what, names in (("name", [w.key.name for w in found]), ("key", [w.key.public_key for w in found])):
        if len(set(names)) < len(names):
            raise SettingsRefused(f"{_SETTING}: two witnesses have the same {what}")
    return found


def _parse_witness(fields: list[str]) -> Witness:
    try:
        key, url = fields
    except ValueError:
        raise SettingsRefused(f"{_SETTING}: each is a verifier key and an address, as `KEY https://…`") from None
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.query or parts.fragment or parts.username:
        raise SettingsRefused(f"{_SETTING}: {url} is no address below which add-checkpoint can stand")
    try:
        return Witness(parse_witness_key(key), url)
    except MalformedKey as fault:
        raise SettingsRefused(f"{_SETTING}: {key}: {fault}") from None
