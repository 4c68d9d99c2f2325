"""Payout channels as the settings configure them."""

from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from campaigns.promise.bank_account import BankAccount
from ledger.payouts.channels import Channel
from ledger.payouts.channels.manual import ManualChannel
from ledger.payouts.channels.pain001 import Pain001Channel, Payer
from ops.clock import utc_now
from ops.settings import PREFIX, Settings, SettingsRefused

_SECRET_BYTES_MIN = 24
_ACCOUNT_ADAPTER: TypeAdapter[Any] = TypeAdapter(BankAccount)


def payout_channel(settings: Settings, name: str | None = None) -> Channel:
    """Return the named channel, or the default of the settings.

    Raises SettingsRefused if it is not configured.
    """
    chosen = name or settings.payout_channel
    if chosen == "manual":
        return ManualChannel()
    if chosen == "pain001":
        return Pain001Channel(load_payer(settings), _sent_folder(settings))
    if chosen == "http":
        return _http_channel(settings)
    raise SettingsRefused(f"unknown payout channel {chosen!r}: use manual, pain001 or http")


def _sent_folder(settings: Settings) -> Path:
    """Return the folder of sent files and of the marks of all messages sent."""
    return settings.payout_folder or settings.data_dir / "outbox"


def queryable_channels(settings: Settings) -> dict[str, Channel]:
    """Return the configured channels that answer a query without a person, by name.

    If several instances may run, `pain001` needs a configured folder: the default folder of an
    instance does not contain the files of the others.
    """
    is_alone = settings.database_url is None
    names = ["http", *(["pain001"] if is_alone or settings.payout_folder is not None else [])]
    channels = {}
    for name in names:
        with suppress(SettingsRefused):
            channels[name] = payout_channel(settings, name)
    return channels


def _http_channel(settings: Settings) -> Channel:
    from ledger.payouts.channels.http import HttpChannel  # noqa: PLC0415 - the other channels need no HTTP client

    if settings.payout_url is None or settings.payout_secret is None:
        raise SettingsRefused(f"the channel http needs {PREFIX}PAYOUT_URL and {PREFIX}PAYOUT_SECRET: set both")
    load_payout_key(settings)
    return HttpChannel(
        settings.payout_url, settings.payout_secret.get_secret_value(), utc_now, _sent_folder(settings)
    )


def load_payout_key(settings: Settings) -> bytes | None:
    """Return the secret shared with the payment service, None if unset.

    Raises SettingsRefused if malformed.
    """
    if settings.payout_secret is None:
        return None
    secret = settings.payout_secret.get_secret_value()
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if len(key) < _SECRET_BYTES_MIN:
        raise SettingsRefused(
            f"{PREFIX}PAYOUT_SECRET must be whsec_ followed by at least {_SECRET_BYTES_MIN} bytes in base64"
        )
    return key


def payer_account_number(settings: Settings) -> str | None:
    """Return the payer's account number as bank statements name it, None if unset."""
    scheme, colon, number = (settings.payer_account or "").partition(":")
    return (number if colon else scheme) or None


def load_payer(settings: Settings) -> Payer:
    """Return the payer. Raises SettingsRefused if name or account is unset or malformed."""
    if settings.payer_name is None or settings.payer_account is None:
        raise SettingsRefused(f"payouts need {PREFIX}PAYER_NAME and {PREFIX}PAYER_ACCOUNT: set both")
    scheme, colon, number = settings.payer_account.partition(":")
    account = {"scheme": scheme, "id": number} if colon else {"iban": scheme}
    if settings.payer_bic and not colon:
        account["bic"] = settings.payer_bic
    try:
        _ACCOUNT_ADAPTER.validate_python(account)
    except ValidationError as error:
        reason = error.errors(include_input=False)[0]["msg"]
        raise SettingsRefused(f"{PREFIX}PAYER_ACCOUNT is not a valid account: {reason}") from None
    return Payer(settings.payer_name, account)
