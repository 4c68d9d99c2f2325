"""A provider's key set: what we do not know is passed over, and the keys beside it go on working."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from ops.openid.protocol import Unproven
from ops.openid.provider import _read_keys

RSA = RSAKey.generate_key(2048, {"kid": "a", "use": "sig", "alg": "RS256"})
PUBLIC: dict[str, Any] = RSA.as_dict(private=False)
EC_PUBLIC: dict[str, Any] = ECKey.generate_key("P-256", {"kid": "e"}).as_dict(private=False)
TOKEN = jwt.encode({"alg": "RS256", "kid": "a"}, {"sub": "x"}, RSA, algorithms=["RS256"])

UNKNOWN = [
    {"kty": "EC", "crv": "secp256k1", "kid": "k", "use": "sig", "x": "eCk", "y": "eCk"},
    {"kty": "EC", "crv": "BP-256", "kid": "b", "x": "AA", "y": "AA"},
    {"kty": "OKP", "crv": "Ed448", "kid": "o", "x": "AA"},
    {"kty": "AKP", "alg": "ML-DSA-44", "kid": "m", "pub": "AA"},
    {"kid": "no kind"},
    {"kty": None, "kid": "n"},
    {"kty": ["RSA"], "kid": "l"},
    {"kty": "RSA", "kid": "short"},
    {"kty": "RSA", "kid": "bad", "n": "!", "e": "AQAB"},
    {"kty": "RSA", "kid": 7, "n": 7, "e": 7},
    {**EC_PUBLIC, "x": EC_PUBLIC["y"], "kid": "not on the curve"},
    {**PUBLIC, "use": "enc"},  # the same key id for another use
    {**OctKey.generate_key(256, {"kid": "a"}).as_dict(private=True)},
    {},
    None,
    "a key",
    [PUBLIC],
    7,
]


@pytest.mark.parametrize("unknown", UNKNOWN, ids=[str(n) for n in range(len(UNKNOWN))])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_key_that_we_do_not_know_is_passed_over(unknown: Any, is_first: bool):
    keys = [unknown, PUBLIC] if is_first else [PUBLIC, unknown]
    key_set = _read_keys({"keys": keys})
    assert [key.kid for key in key_set.keys] == ["a"]
    assert jwt.decode(TOKEN, key_set, algorithms=["RS256"]).claims == {"sub": "x"}


@pytest.mark.parametrize(
    "document", [{}, {"keys": None}, {"keys": {}}, {"keys": []}, {"keys": UNKNOWN}, {"keys": "x"}]
)
def test_a_set_without_a_key_that_we_know_is_refused(document: dict[str, Any]):
    with pytest.raises(Unproven):
        _read_keys(document)
