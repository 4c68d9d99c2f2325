"""The payout channel that the settings name."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from campaigns.promise import Account
from ledger.channels import Channel
from ledger.channels.manual import Manual
from ledger.channels.pain001 import Pain001, Payer
from ops.settings import PREFIX, Settings, SettingsRefused

_ACCOUNT: TypeAdapter[Any] = TypeAdapter(Account)


def channel(settings: Settings, name: str | None = None) -> Channel:
    """Return the channel by its name, or the settings' own. SettingsRefused names what it needs and is not set."""
    chosen = name or settings.payout_channel
    if chosen == "manual":
        return Manual()
    if chosen == "pain001":
        return Pain001(payer(settings), settings.payout_folder or settings.data_dir / "outbox")
    raise SettingsRefused(f"there is no payout channel {chosen!r}: manual or pain001")


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
