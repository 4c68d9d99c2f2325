"""The provider, asked: what it tells of itself, its keys, what a code is redeemed for. Bounded in time and bytes."""

from collections.abc import Mapping
from http import HTTPStatus
from time import monotonic
from typing import Any

import aiohttp
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import ValidationError

from ledger.http_client import read_bounded
from ops.openid.client import Client, is_safe_url
from ops.openid.protocol import Metadata, TokenRequest, Unproven

RESPONSE_BYTES_MAX = 256 * 1024
_CACHE_SECONDS = 3_600.0
_KEYS_REFRESH_SECONDS_MIN = (
    30.0  # a key that nobody knows may be a new one: asked for again, but not by everybody who makes one up
)
_WELL_KNOWN = ".well-known/openid-configuration"


class Provider:
    """One provider; what it told is remembered for an hour."""

    def __init__(self, client: Client, http: aiohttp.ClientSession) -> None:
        self.client = client
        self._http = http
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def metadata(self) -> Metadata:
        """Return what the provider tells of itself. Unproven: it is away, or is another than the one that is set."""
        if self._metadata is None or monotonic() - self._metadata[0] > _CACHE_SECONDS:
            url = f"{self.client.issuer.rstrip('/')}/{_WELL_KNOWN}"
            self._metadata = monotonic(), _read_metadata(await self._request_json("GET", url), self.client.issuer)
        return self._metadata[1]

    async def keys(self, *, refresh: bool = False) -> KeySet:
        """Return its keys; `anew`: those that it has now, where the ones known are not just of this moment."""
        age = monotonic() - self._keys[0] if self._keys else _CACHE_SECONDS + 1
        if self._keys is None or age > (_KEYS_REFRESH_SECONDS_MIN if refresh else _CACHE_SECONDS):
            url = (await self.metadata()).jwks_uri
            self._keys = monotonic(), _read_keys(await self._request_json("GET", url))
        return self._keys[1]

    async def redeem_code(self, request: TokenRequest) -> str:
        """Return the ID token that a code is redeemed for. Unproven: the provider gives none."""
        url = (await self.metadata()).token_endpoint
        said = await self._request_json("POST", url, data=request.form, headers=request.headers)
        token = said.get("id_token")
        if not isinstance(token, str):
            raise Unproven("unproven", "no ID token in the answer")
        return token

    async def _request_json(self, method: str, url: str, **options: Any) -> Mapping[str, Any]:
        """Return the JSON object that is answered. Follows no redirect: what is sent is for this address."""
        try:
            async with self._http.request(method, url, allow_redirects=False, **options) as answer:
                said = await read_bounded(answer.content, RESPONSE_BYTES_MAX)
                return _parse_object(answer.status, said, url)
        except (TimeoutError, aiohttp.ClientError, OSError) as fault:
            raise Unproven("away", f"{url}: {type(fault).__name__}") from None


def _parse_object(status: int, body: bytes | None, url: str) -> Mapping[str, Any]:
    if body is None:
        raise Unproven("unproven", f"{url}: more than {RESPONSE_BYTES_MAX} bytes")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unproven("away", f"{url}: status {status}")
    if status != HTTPStatus.OK:
        raise Unproven("unproven", f"{url}: status {status}")
    try:
        found = orjson.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unproven("unproven", f"{url}: no JSON object")
    return found


def _read_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    try:
        found = Metadata.model_validate(document)
    except ValidationError as fault:
        paths = ", ".join(str(each["loc"][0]) for each in fault.errors(include_input=False, include_url=False))
        raise Unproven("unproven", f"what the provider tells of itself lacks: {paths}") from None
    if found.issuer != issuer:
        raise Unproven("unproven", f"the provider calls itself {found.issuer[:200]!r}, and {issuer!r} is set")
    if not all(map(is_safe_url, (found.authorization_endpoint, found.token_endpoint, found.jwks_uri))):
        raise Unproven("unproven", "an address of the provider is not https")
    return found


def _read_keys(document: Mapping[str, Any]) -> KeySet:
    try:
        return KeySet.import_key_set({"keys": list(document["keys"])})
    except (JoseError, ValueError, TypeError, KeyError) as fault:
        raise Unproven("unproven", f"the provider's keys: {type(fault).__name__}") from None
