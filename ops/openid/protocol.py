"""OpenID Connect decisions: the code flow with PKCE, and the checks of an ID token. Pure.

OpenID Connect Core 1.0 (3.1) and Discovery 1.0, RFC 6749, RFC 7636 (PKCE, `S256`), RFC 9207 (`iss`
with the code), RFC 9700 (required checks). Any deviation raises Unproven: nobody is signed in.
"""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Literal, NamedTuple
from urllib.parse import quote_plus, urlencode

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel

from ledger.person_names import mixes_scripts
from ops.admin.auth.tokens import Identity, is_reserved_name
from ops.admin.core.actor import Role
from ops.openid.client import Client

# Asymmetric only: with `none` or a symmetric algorithm, anyone could sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY_SECONDS = 60
NAME_CHARS_MAX = 100
_SCOPE = "openid profile email"
_TOKEN_AGE_SECONDS_MAX = 600
_BASIC_AUTH = "client_secret_basic"

Claims = Mapping[str, Any]
FailureCode = Literal["away", "declined", "unproven", "nameless", "no_role", "many_roles"]


class Unproven(Exception):
    """Nobody is signed in.

    `code` names the text shown to people; the message is for the log and contains no secret.
    """

    def __init__(self, code: FailureCode, detail: str, name: str = "") -> None:
        super().__init__(detail)
        self.code, self.name = code, name


class UnknownKey(Unproven):
    """The ID token names a key that the cached key set does not contain."""


class Metadata(BaseModel):
    """The provider's metadata (Discovery, 3), limited to the members we use."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = (_BASIC_AUTH,)
    authorization_response_iss_parameter_supported: bool = False


class SignInAttempt(NamedTuple):
    """The values that the browser keeps during a sign-in: 256 random bits each."""

    state: str
    nonce: str
    verifier: str


class TokenRequest(NamedTuple):
    """A request to the token endpoint."""

    form: Mapping[str, str]
    headers: Mapping[str, str]


def authorization_url(client: Client, metadata: Metadata, attempt: SignInAttempt) -> str:
    """Return the provider's URL that authenticates the person."""
    challenge = urlsafe_b64encode(sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
    parameters = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": _SCOPE,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    separator = "&" if "?" in metadata.authorization_endpoint else "?"
    return f"{metadata.authorization_endpoint}{separator}{urlencode(parameters)}"


def authorization_code(metadata: Metadata, attempt: SignInAttempt, query: Mapping[str, str]) -> str:
    """Return the code from the provider's redirect.

    Raises Unproven if the redirect does not belong to this attempt or the provider declined.
    """
    if not compare_digest(query.get("state", "").encode(), attempt.state.encode()):
        raise Unproven("unproven", "the state belongs to another attempt")
    is_named = metadata.authorization_response_iss_parameter_supported
    if query.get("iss", None if is_named else metadata.issuer) != metadata.issuer:
        raise Unproven("unproven", "the redirect names another issuer")
    if "error" in query:
        raise Unproven("declined", f"the provider declined: {query['error'][:100]!r}")
    if not query.get("code"):
        raise Unproven("unproven", "the redirect has no code")
    return query["code"]


def token_request(client: Client, metadata: Metadata, attempt: SignInAttempt, code: str) -> TokenRequest:
    """Return the request that redeems a code, with the PKCE verifier and our client secret."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": attempt.verifier,
    }
    if client.secret is None:
        return TokenRequest(form | {"client_id": client.client_id}, {})
    if _BASIC_AUTH not in metadata.token_endpoint_auth_methods_supported:
        return TokenRequest(form | {"client_id": client.client_id, "client_secret": client.secret}, {})
    credentials = f"{quote_plus(client.client_id)}:{quote_plus(client.secret)}"  # RFC 6749, section 2.3.1
    return TokenRequest(form, {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"})


def verify_id_token(client: Client, attempt: SignInAttempt, keys: KeySet, id_token: str, now: datetime) -> Claims:
    """Return the claims of a verified ID token (Core, 3.1.3.7).

    Raises UnknownKey if its key is unknown, another Unproven unless the provider issued it for us and
    for this attempt, and it is current.
    """
    moment = int(now.timestamp())
    rules = jwt.JWTClaimsRegistry(
        moment,
        LEEWAY_SECONDS,
        iss={"essential": True, "value": client.issuer},
        aud={"essential": True, "value": client.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": attempt.nonce},
    )
    try:
        claims = jwt.decode(id_token, keys, algorithms=list(ALGORITHMS)).claims
        rules.validate(claims)
    except InvalidKeyIdError:
        raise UnknownKey("unproven", "the ID token names an unknown key") from None
    except (JoseError, ValueError) as error:
        raise Unproven("unproven", f"the ID token: {type(error).__name__}: {str(error)[:200]}") from None
    if not _is_audience(client, claims):
        raise Unproven("unproven", "the ID token is for another client")
    if moment - int(claims["iat"]) > _TOKEN_AGE_SECONDS_MAX:
        raise Unproven("unproven", "the ID token is too old")
    return claims


def _is_audience(client: Client, claims: Claims) -> bool:
    """Return whether a token is for us: one for several clients must name us in `azp`."""
    has_several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    return bool(claims.get("azp", None if has_several else client.client_id) == client.client_id)


def read_identity(client: Client, claims: Claims) -> Identity:
    """Return the person's name and role.

    Raises Unproven without a valid name or exactly one role.
    """
    name = find_claim(claims, client.name_claim)
    if not isinstance(name, str) or not _is_valid_name(name):
        raise Unproven("nameless", f"the claim {client.name_claim} is not a valid name")
    claim = find_claim(claims, client.role_claim)
    values = [claim] if isinstance(claim, str) else claim if isinstance(claim, list) else []
    roles: set[Role] = {client.roles[value] for value in values if isinstance(value, str) and value in client.roles}
    if len(roles) != 1:
        raise Unproven("many_roles" if roles else "no_role", f"{len(roles)} roles in {client.role_claim}", name)
    return Identity(name, roles.pop())


def find_claim(claims: Claims, path: str) -> Any:
    """Return a claim by name or dotted path such as `realm_access.roles`; None if absent."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _is_valid_name(name: str) -> bool:
    """Return whether a name is unambiguous in the audit log: printable, trimmed, not reserved."""
    is_plain = name == name.strip() and name.isprintable() and 0 < len(name) <= NAME_CHARS_MAX
    return is_plain and not mixes_scripts(name) and not is_reserved_name(name)
