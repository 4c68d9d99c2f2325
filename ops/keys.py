"""The service's keys: from the environment, or created beside an embedded database."""

import os
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from ledger.log.note import MalformedKey, Signer, make_signer
from ops.settings import PREFIX, Settings, SettingsRefused

KEY_BYTES = 32
_EMBEDDED_ORIGIN = "localhost/log"


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of 32 bytes each; never logged, never stored in a table."""

    pseudonym: bytes = field(repr=False)
    webhook: bytes = field(repr=False)
    log: Signer | None = field(repr=False, default=None)  # only in a serving process


def load_keys(settings: Settings) -> Keys:
    """Return the keys. Raises SettingsRefused if one is missing or is not 32 bytes in hex."""
    return Keys(
        pseudonym=_load_key(settings, "pseudonym_key", settings.pseudonym_key),
        webhook=_load_key(settings, "webhook_key", settings.webhook_key),
    )


def load_serving_keys(settings: Settings) -> Keys:
    """Return the keys including the log's, which only a serving process needs."""
    return replace(load_keys(settings), log=load_log_signer(settings))


def load_log_signer(settings: Settings) -> Signer:
    """Return the signer of the public log.

    Raises SettingsRefused if its origin or key is not usable.
    """
    origin = settings.log_origin
    if origin is None and settings.database_url is not None:
        raise SettingsRefused(
            f"{PREFIX}LOG_ORIGIN is missing. Set it to the log's name, such as `ledger.example.org/log`"
        )
    try:
        return make_signer(origin or _read_origin(settings), read_log_seed(settings))
    except MalformedKey as error:
        raise SettingsRefused(f"{PREFIX}LOG_ORIGIN: {error}") from None


def read_log_seed(settings: Settings) -> bytes:
    """Return the seed of the configured log key."""
    return _load_key(settings, "log_key", settings.log_key)


def _read_origin(settings: Settings) -> str:
    """Return the origin of an embedded database's log: a successor has another than the first."""
    file = settings.data_dir / "keys" / "log_origin"
    return file.read_text().strip() if file.exists() else _EMBEDDED_ORIGIN


def store_next_log_signer(settings: Settings, key: bytes, origin: str) -> None:
    """Store key and origin of a successor beside those of the log, until it has succeeded."""
    folder = settings.data_dir / "keys"
    for name, text in (("log_key", key.hex()), ("log_origin", origin)):
        draft = folder / f"{name}.next"
        draft.touch(mode=0o600)
        draft.write_text(text + "\n")


def load_next_log_signer(settings: Settings) -> Signer | None:
    """Return the stored signer of a successor, None if there is none."""
    folder = settings.data_dir / "keys"
    try:
        key, origin = ((folder / f"{name}.next").read_text().strip() for name in ("log_key", "log_origin"))
    except FileNotFoundError:
        return None
    return make_signer(origin, _parse_hex_key(key, f"{PREFIX}LOG_KEY"))


def promote_next_log_signer(settings: Settings) -> None:
    """Make the successor's key and origin the log's. Repeated, it changes nothing."""
    for name in ("log_origin", "log_key"):
        draft = settings.data_dir / "keys" / f"{name}.next"
        if draft.exists():
            draft.replace(draft.with_suffix(""))


def _load_key(settings: Settings, name: str, value: SecretStr | None) -> bytes:
    setting = PREFIX + name.upper()
    if value is not None:
        return _parse_hex_key(value.get_secret_value(), setting)
    if settings.database_url is not None:
        raise SettingsRefused(
            f"{setting} is missing. Create one with `openssl rand -hex {KEY_BYTES}` and keep it safe"
        )
    return _parse_hex_key(_read_or_create(settings.data_dir / "keys" / name), setting)


def _parse_hex_key(text: str, setting: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsRefused(f"{setting} must be {KEY_BYTES} bytes in hex ({KEY_BYTES * 2} digits)")
    return key


def _read_or_create(file: Path) -> str:
    """Return the content of a key file; create it on first use, readable by its owner."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(secrets.token_hex(KEY_BYTES) + "\n")
        try:
            os.link(draft, file)  # the first of several processes wins; the others read its file
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text()
