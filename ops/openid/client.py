"""What the settings say of the OpenID Connect provider. Nothing set: nobody signs in that way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from ops.admin.core.actor import ROLES, Role
from ops.settings import PREFIX, Settings, SettingsRefused

CALLBACK = "/admin/sign-in/openid/callback"
_URL_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class Client:
    """What we are to the provider."""

    issuer: str
    client_id: str
    secret: str | None = field(repr=False)  # None: a public client, which PKCE alone protects
    redirect_uri: str
    name_claim: str  # a dotted path into the ID token
    role_claim: str
    roles: Mapping[str, Role]  # what the claim may say, and the role that it stands for

    @property
    def host(self) -> str:
        """Return where the provider is, as people are told."""
        return urlsplit(self.issuer).netloc


def load_client(settings: Settings) -> Client | None:
    """Return what we are to the provider; None: none is set. SettingsRefused names what cannot be."""
    issuer, own_id = settings.openid_issuer, settings.openid_client
    if issuer is None and own_id is None:
        return None
    for name, value in (("OPENID_ISSUER", issuer), ("OPENID_CLIENT", own_id), ("PUBLIC_URL", settings.public_url)):
        if value is None:
            raise SettingsRefused(f"{PREFIX}{name} is missing: signing in by OpenID Connect needs it")
    if not is_safe_url(issuer or "") or "?" in (issuer or ""):
        raise SettingsRefused(f"{PREFIX}OPENID_ISSUER must be an address with https, without `?` and `#`")
    secret = settings.openid_secret
    return Client(
        issuer or "",
        own_id or "",
        secret.get_secret_value() if secret else None,
        f"{settings.public_url}{CALLBACK}",
        settings.openid_name_claim,
        settings.openid_role_claim,
        _parse_roles(settings.openid_roles),
    )


def is_safe_url(url: str) -> bool:
    """Tell whether what is sent to an address stays between us and it: https, or this very machine."""
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.port != 0 and len(url) <= _URL_CHARS_MAX
    except ValueError:
        return False
    is_private = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts))
    return is_address and is_private and not (parts.fragment or parts.username)


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parse_roles(text: str | None) -> Mapping[str, Role]:
    """Return the roles by what the claim says: `ledger-owners=owner, …`; unset: by their own names."""
    if text is None:
        return {role: role for role in ROLES}
    known: dict[str, Role] = {role: role for role in ROLES}
    found: dict[str, Role] = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        said, _, role = (part.strip() for part in pair.rpartition("="))
        if not said or role not in known or said in found:
            raise SettingsRefused(
                f"{PREFIX}OPENID_ROLES: {pair!r} is no `value=role`, or comes twice; roles: {', '.join(ROLES)}"
            )
        found[said] = known[role]
    if not found:
        raise SettingsRefused(
            f"{PREFIX}OPENID_ROLES names no role; leave it out where the claim has the roles' names"
        )
    return found
