"""The OpenID Connect client from the settings. Without settings, this way of signing in is off."""

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
    """Our registration with the provider."""

    issuer: str
    client_id: str
    secret: str | None = field(repr=False)  # None: a public client, protected by PKCE alone
    redirect_uri: str
    name_claim: str  # a dotted path into the ID token
    role_claim: str
    roles: Mapping[str, Role]  # role by claim value

    @property
    def host(self) -> str:
        """Return the provider's host, for display."""
        return urlsplit(self.issuer).netloc


def load_client(settings: Settings) -> Client | None:
    """Return the client from the settings; None if unset.

    Raises SettingsRefused if a setting is missing or malformed.
    """
    issuer, client_id = settings.openid_issuer, settings.openid_client
    if issuer is None and client_id is None:
        return None
    for name, value in (("OPENID_ISSUER", issuer), ("OPENID_CLIENT", client_id), ("PUBLIC_URL", settings.public_url)):
        if value is None:
            raise SettingsRefused(f"{PREFIX}{name} is missing: sign-in by OpenID Connect needs it")
    if not is_safe_url(issuer or "") or "?" in (issuer or ""):
        raise SettingsRefused(f"{PREFIX}OPENID_ISSUER must be an https address without `?` and `#`")
    secret = settings.openid_secret
    return Client(
        issuer or "",
        client_id or "",
        secret.get_secret_value() if secret else None,
        f"{settings.public_url}{CALLBACK}",
        settings.openid_name_claim,
        settings.openid_role_claim,
        _parse_roles(settings.openid_roles),
    )


def is_safe_url(url: str) -> bool:
    """Return whether requests to a URL are private: https, or a loopback address."""
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
    """Return roles by claim value, from `ledger-owners=owner, …`; unset: by their own names."""
    if text is None:
        return {role: role for role in ROLES}
    role_by_name: dict[str, Role] = {role: role for role in ROLES}
    roles: dict[str, Role] = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        claim_value, _, role = (part.strip() for part in pair.rpartition("="))
        if not claim_value or role not in role_by_name or claim_value in roles:
            raise SettingsRefused(
                f"{PREFIX}OPENID_ROLES: {pair!r} is not `value=role` or is repeated; roles: {', '.join(ROLES)}"
            )
        roles[claim_value] = role_by_name[role]
    if not roles:
        raise SettingsRefused(f"{PREFIX}OPENID_ROLES names no role; unset it if the claim contains our role names")
    return roles
