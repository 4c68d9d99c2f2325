"""Requests to the OpenID provider: metadata, keys and tokens, bounded in time and bytes."""

from collections.abc import Mapping
from http import HTTPStatus
from time import monotonic
from typing import Any

import aiohttp
import orjson
from joserfc.jwk import Key, KeySet, import_key
from pydantic import ValidationError

from ledger.http_client import read_bounded
from ops.openid.client import Client, is_safe_url
from ops.openid.protocol import Metadata, TokenRequest, Unproven

RESPONSE_BYTES_MAX = 256 * 1024
_CACHE_SECONDS = 3_600.0
# An unknown key may be new. The bound keeps invented keys from flooding the provider.
_KEYS_REFRESH_SECONDS_MIN = 30.0
_WELL_KNOWN = ".well-known/openid-configuration"


class Provider:
    """One provider; metadata and keys are cached for an hour."""

    def __init__(self, client: Client, http: aiohttp.ClientSession) -> None:
        self.client = client
        self._http = http
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def metadata(self) -> Metadata:
        """Return the provider's metadata.

        Raises Unproven if the provider is unavailable or names another issuer.
        """
        if self._metadata is None or monotonic() - self._metadata[0] > _CACHE_SECONDS:
            url = f"{self.client.issuer.rstrip('/')}/{_WELL_KNOWN}"
            self._metadata = monotonic(), _read_metadata(await self._request_json("GET", url), self.client.issuer)
        return self._metadata[1]

    async def keys(self, *, refresh: bool = False) -> KeySet:
        """Return the provider's keys. `refresh` refetches keys older than 30 seconds."""
        age = monotonic() - self._keys[0] if self._keys else _CACHE_SECONDS + 1
        if self._keys is None or age > (_KEYS_REFRESH_SECONDS_MIN if refresh else _CACHE_SECONDS):
            url = (await self.metadata()).jwks_uri
            self._keys = monotonic(), _read_keys(await self._request_json("GET", url))
        return self._keys[1]

    async def redeem_code(self, request: TokenRequest) -> str:
        """Return the ID token for a code.

        Raises Unproven if the provider returns none.
        """
        url = (await self.metadata()).token_endpoint
        token_response = await self._request_json("POST", url, data=request.form, headers=request.headers)
        token = token_response.get("id_token")
        if not isinstance(token, str):
            raise Unproven("unproven", "the response has no ID token")
        return token

    async def _request_json(self, method: str, url: str, **options: Any) -> Mapping[str, Any]:
        """Return the JSON object in a response.

        Redirects are not followed: they would send secrets to another address.
        """
        try:
            async with self._http.request(method, url, allow_redirects=False, **options) as response:
                body = await read_bounded(response.content, RESPONSE_BYTES_MAX)
                return _parse_object(response.status, body, url)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Unproven("away", f"{url}: {type(error).__name__}") from None


def _parse_object(status: int, body: bytes | None, url: str) -> Mapping[str, Any]:
    if body is None:
        raise Unproven("unproven", f"{url}: more than {RESPONSE_BYTES_MAX} bytes")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unproven("away", f"{url}: status {status}")
    if status != HTTPStatus.OK:
        raise Unproven("unproven", f"{url}: status {status}")
    try:
        document = orjson.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Unproven("unproven", f"{url}: not a JSON object")
    return document


def _read_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    try:
        metadata = Metadata.model_validate(document)
    except ValidationError as invalid:
        paths = ", ".join(str(error["loc"][0]) for error in invalid.errors(include_input=False, include_url=False))
        raise Unproven("unproven", f"the provider's metadata lacks: {paths}") from None
    if metadata.issuer != issuer:
        raise Unproven(
            "unproven", f"the provider names the issuer {metadata.issuer[:200]!r}, but {issuer!r} is configured"
        )
    if not all(map(is_safe_url, (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri))):
        raise Unproven("unproven", "an address of the provider is not https")
    return metadata


def _read_keys(document: Mapping[str, Any]) -> KeySet:
    """Return the keys that can verify a signature; others are passed over (RFC 7517, section 5)."""
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise Unproven("unproven", "the provider's key set has no list of keys")
    keys = [key for key in map(_read_key, listed) if key is not None]
    if not keys:
        raise Unproven("unproven", f"none of the provider's {len(listed)} keys is a public key that we know")
    return KeySet(keys)


def _read_key(member: Any) -> Key | None:
    """Return a public key for signatures; None if it is for another use, or of a kind that we do not know."""
    if not isinstance(member, dict) or member.get("kty") == "oct" or member.get("use", "sig") != "sig":
        return None
    try:
        key = import_key(member)
        key.ensure_kid()  # reads the numbers, which the library does late
    except Exception:  # noqa: BLE001 - the library raises errors of many kinds for what it does not know
        return None
    return key
