"""The payout channel that the settings name."""

from base64 import b64decode
from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter, ValidationError

from campaigns.promise.model import BankAccount
from ledger.payouts.channels import Channel
from ledger.payouts.channels.manual import ManualChannel
from ledger.payouts.channels.pain001 import Pain001Channel, Payer
from ops.clock import utc_now
from ops.settings import PREFIX, Settings, SettingsRefused

_SECRET_BYTES_MIN = 24
_ACCOUNT_ADAPTER: TypeAdapter[Any] = TypeAdapter(BankAccount)


def payout_channel(settings: Settings, name: str | None = None) -> Channel:
    """Return the channel by its name, or the settings' own. SettingsRefused names what it needs and is not set."""
    chosen = name or settings.payout_channel
    if chosen == "manual":
        return ManualChannel()
    if chosen == "pain001":
        return Pain001Channel(load_payer(settings), settings.payout_folder or settings.data_dir / "outbox")
    if chosen == "http":
        return _http_channel(settings)
    raise SettingsRefused(f"there is no payout channel {chosen!r}: manual, pain001 or http")


def queryable_channels(settings: Settings) -> dict[str, Channel]:
    """Return the channels, by name, that can be asked without a person what became of a payout.

    Where several instances may run, the folder of `pain001` must be set: one of its own tells an instance nothing of
    what another did.
    """
    is_alone = settings.database_url is None
    names = ["http", *(["pain001"] if is_alone or settings.payout_folder is not None else [])]
    found = {}
    for name in names:
        with suppress(SettingsRefused):
            found[name] = payout_channel(settings, name)
    return found


def _http_channel(settings: Settings) -> Channel:
    from ledger.payouts.channels.http import HttpChannel  # noqa: PLC0415 - the other channels need no HTTP client

    if settings.payout_url is None or settings.payout_secret is None:
        raise SettingsRefused(f"set {PREFIX}PAYOUT_URL and {PREFIX}PAYOUT_SECRET: the channel http needs both")
    load_payout_key(settings)
    return HttpChannel(settings.payout_url, settings.payout_secret.get_secret_value(), utc_now)


def load_payout_key(settings: Settings) -> bytes | None:
    """Return the secret that is shared with the payment service; None: there is none. SettingsRefused: it is none."""
    if settings.payout_secret is None:
        return None
    secret = settings.payout_secret.get_secret_value()
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if len(key) < _SECRET_BYTES_MIN:
        raise SettingsRefused(f"{PREFIX}PAYOUT_SECRET is whsec_ and at least {_SECRET_BYTES_MIN} bytes in base64")
    return key


def payer_account_number(settings: Settings) -> str | None:
    """Return the number of the account that the money leaves, as its statements name it; None: it was not set."""
    scheme, colon, number = (settings.payer_account or "").partition(":")
    return (number if colon else scheme) or None


def load_payer(settings: Settings) -> Payer:
    """Return whose account the money leaves."""
    if settings.payer_name is None or settings.payer_account is None:
        raise SettingsRefused(f"set {PREFIX}PAYER_NAME and {PREFIX}PAYER_ACCOUNT: payouts need an account to leave")
    scheme, colon, number = settings.payer_account.partition(":")
    account = {"scheme": scheme, "id": number} if colon else {"iban": scheme}
    if settings.payer_bic and not colon:
        account["bic"] = settings.payer_bic
    try:
        _ACCOUNT_ADAPTER.validate_python(account)
    except ValidationError as error:
        reason = error.errors(include_input=False)[0]["msg"]
        raise SettingsRefused(f"{PREFIX}PAYER_ACCOUNT is no account: {reason}") from None
    return Payer(settings.payer_name, account)
