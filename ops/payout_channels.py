"""The payout channel that the settings name."""

from base64 import b64decode
from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter, ValidationError

from campaigns.promise.model import Account
from ledger.payouts.channels import Channel
from ledger.payouts.channels.manual import Manual
from ledger.payouts.channels.pain001 import Pain001, Payer
from ops.clock import utc_now
from ops.settings import PREFIX, Settings, SettingsRefused

_SECRET_BYTES_MIN = 24
_ACCOUNT: TypeAdapter[Any] = TypeAdapter(Account)


def channel(settings: Settings, name: str | None = None) -> Channel:
    """Return the channel by its name, or the settings' own. SettingsRefused names what it needs and is not set."""
    chosen = name or settings.payout_channel
    if chosen == "manual":
        return Manual()
    if chosen == "pain001":
        return Pain001(payer(settings), settings.payout_folder or settings.data_dir / "outbox")
    if chosen == "http":
        return _http(settings)
    raise SettingsRefused(f"there is no payout channel {chosen!r}: manual, pain001 or http")


def asking(settings: Settings) -> dict[str, Channel]:
    """Return the channels, by name, that can be asked without a person what became of a payout.

    Where several instances may run, the folder of `pain001` must be set: one of its own tells an instance nothing of
    what another did.
    """
    is_alone = settings.database_url is None
    names = ["http", *(["pain001"] if is_alone or settings.payout_folder is not None else [])]
    found = {}
    for name in names:
        with suppress(SettingsRefused):
            found[name] = channel(settings, name)
    return found


def _http(settings: Settings) -> Channel:
    from ledger.payouts.channels.http import Http  # noqa: PLC0415 - the other channels need no HTTP client

    if settings.payout_url is None or settings.payout_secret is None:
        raise SettingsRefused(f"set {PREFIX}PAYOUT_URL and {PREFIX}PAYOUT_SECRET: the channel http needs both")
    payout_key(settings)
    return Http(settings.payout_url, settings.payout_secret.get_secret_value(), utc_now)


def payout_key(settings: Settings) -> bytes | None:
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


def payer_number(settings: Settings) -> str | None:
    """Return the number of the account that the money leaves, as its statements name it; None: it was not set."""
    scheme, colon, number = (settings.payer_account or "").partition(":")
    return (number if colon else scheme) or None


def payer(settings: Settings) -> Payer:
    """Return whose account the money leaves."""
    if settings.payer_name is None or settings.payer_account is None:
        raise SettingsRefused(f"set {PREFIX}PAYER_NAME and {PREFIX}PAYER_ACCOUNT: payouts need an account to leave")
    scheme, colon, number = settings.payer_account.partition(":")
    account = {"scheme": scheme, "id": number} if colon else {"iban": scheme}
    if settings.payer_bic and not colon:
        account["bic"] = settings.payer_bic
    try:
        _ACCOUNT.validate_python(account)
    except ValidationError as error:
        reason = error.errors(include_input=False)[0]["msg"]
        raise SettingsRefused(f"{PREFIX}PAYER_ACCOUNT is no account: {reason}") from None
    return Payer(settings.payer_name, account)
