"""The checks of an OpenID sign-in, and of the settings for it."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from ops.openid.client import Client, is_safe_url, load_client
from ops.openid.protocol import (
    Metadata,
    SignInAttempt,
    Unproven,
    authorization_code,
    authorization_url,
    read_identity,
    token_request,
    verify_id_token,
)
from ops.settings import Settings, SettingsRefused

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
ISSUER = "https://id.example.org/realm"
KEY, OTHER = (ECKey.generate_key("P-256", {"kid": name}) for name in ("one", "two"))
KEYS = KeySet([KEY])
ATTEMPT = SignInAttempt("state", "nonce", "verifier-of-43-characters-or-more-0123456789")
CALLBACK_URL = "https://likes.example.org/admin/sign-in/openid/callback"
CLIENT = Client(ISSUER, "us", "s/e:c", CALLBACK_URL, "sub", "roles", {"finance": "finance", "owner": "owner"})
METADATA = Metadata(
    issuer=ISSUER,
    authorization_endpoint=f"{ISSUER}/authorize",
    token_endpoint=f"{ISSUER}/token",
    jwks_uri=f"{ISSUER}/keys",
)
MOMENT = int(NOW.timestamp())
CLAIMS: Mapping[str, Any] = {
    "iss": ISSUER,
    "aud": "us",
    "sub": "ida",
    "nonce": "nonce",
    "iat": MOMENT,
    "exp": MOMENT + 60,
    "roles": ["finance", "x"],
}


def sign_token(changed: Mapping[str, Any], key: Any = KEY, **header: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not None}
    return jwt.encode({"alg": "ES256", "kid": key.kid, **header}, claims, key)


def sign_with_public_key_as_secret() -> str:
    """Sign by HMAC with the public key, which anyone can read."""
    header = urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').rstrip(b"=")
    signed_part = header + b"." + sign_token({}).split(".")[1].encode()
    mac = hmac.digest(KEY.as_pem(private=False), signed_part, "sha256")
    return f"{signed_part.decode()}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def unsigned_token() -> str:
    head = urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    return f"{head}.{sign_token({}).split('.')[1]}."


FALSE_TOKENS: dict[str, Callable[[], str]] = {
    "another issuer": lambda: sign_token({"iss": f"{ISSUER}/"}),
    "no issuer": lambda: sign_token({"iss": None}),
    "another audience": lambda: sign_token({"aud": "them"}),
    "several audiences without azp": lambda: sign_token({"aud": ["us", "them"]}),
    "azp names another": lambda: sign_token({"aud": ["us", "them"], "azp": "them"}),
    "another nonce": lambda: sign_token({"nonce": "another"}),
    "no nonce": lambda: sign_token({"nonce": None}),
    "expired": lambda: sign_token({"exp": MOMENT - 61}),
    "no expiry": lambda: sign_token({"exp": None}),
    "issued in the future": lambda: sign_token({"iat": MOMENT + 61}),
    "issued long ago": lambda: sign_token({"iat": MOMENT - 601}),
    "a malformed time": lambda: sign_token({"iat": "now"}),
    "no subject": lambda: sign_token({"sub": None}),
    "another's key": lambda: sign_token({}, OTHER),
    "another's key with our key id": lambda: sign_token({}, OTHER, kid="one"),
    "a public key as a secret": sign_with_public_key_as_secret,
    "no signature": unsigned_token,
    "truncated": lambda: sign_token({})[:-4],
    "no token": lambda: "x",
    "empty": lambda: "",
}


@pytest.mark.parametrize("token", FALSE_TOKENS.values(), ids=FALSE_TOKENS)
def test_a_false_token_signs_nobody_in(token: Callable[[], str]) -> None:
    with pytest.raises(Unproven) as refused:
        verify_id_token(CLIENT, ATTEMPT, KEYS, token(), NOW)
    assert refused.value.code == "unproven"


@pytest.mark.parametrize(
    "changed", [{}, {"aud": ["us"]}, {"aud": ["us", "them"], "azp": "us"}, {"exp": MOMENT - 59}, {"iat": MOMENT + 59}]
)
def test_a_valid_token_gives_the_identity(changed: Mapping[str, Any]) -> None:
    assert read_identity(CLIENT, verify_id_token(CLIENT, ATTEMPT, KEYS, sign_token(changed), NOW)) == (
        "ida",
        "finance",
    )


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"state": "state", "code": "c"}, None),
        ({"state": "state", "code": "c", "iss": ISSUER}, None),
        ({"state": "state", "code": "c", "iss": "https://evil.example"}, "unproven"),
        ({"state": "another", "code": "c"}, "unproven"),
        ({"state": "é", "code": "c"}, "unproven"),
        ({"code": "c"}, "unproven"),
        ({"state": "state"}, "unproven"),
        ({"state": "state", "code": ""}, "unproven"),
        ({"state": "state", "error": "access_denied", "code": "c"}, "declined"),
        ({"state": "another", "error": "access_denied"}, "unproven"),
    ],
    ids=str,
)
def test_a_redirect_must_belong_to_its_attempt(query: Mapping[str, str], code: str | None) -> None:
    if code is None:
        assert authorization_code(METADATA, ATTEMPT, query) == "c"
        return
    with pytest.raises(Unproven) as refused:
        authorization_code(METADATA, ATTEMPT, query)
    assert refused.value.code == code


def test_a_provider_that_supports_iss_must_send_it() -> None:
    names = METADATA.model_copy(update={"authorization_response_iss_parameter_supported": True})
    with pytest.raises(Unproven):
        authorization_code(names, ATTEMPT, {"state": "state", "code": "c"})


def test_the_authorization_url_has_the_challenge_and_not_the_verifier() -> None:
    sent = urlsplit(authorization_url(CLIENT, METADATA, ATTEMPT))
    parameters = {name: value for name, (value,) in parse_qs(sent.query).items()}
    assert f"{sent.scheme}://{sent.netloc}{sent.path}" == METADATA.authorization_endpoint
    assert parameters.pop("code_challenge") != ATTEMPT.verifier
    assert parameters == {
        "response_type": "code",
        "client_id": "us",
        "redirect_uri": CALLBACK_URL,
        "scope": "openid profile email",
        "state": "state",
        "nonce": "nonce",
        "code_challenge_method": "S256",
    }


def test_the_challenge_is_that_of_rfc_7636() -> None:
    attempt = SignInAttempt("s", "n", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")  # RFC 7636, appendix B
    assert "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&" in authorization_url(
        CLIENT, METADATA, attempt
    )


def test_the_secret_is_sent_as_the_provider_supports_it() -> None:
    basic = token_request(CLIENT, METADATA, ATTEMPT, "c")
    assert basic.headers == {"Authorization": "Basic dXM6cyUyRmUlM0Fj"}  # us:s%2Fe%3Ac
    assert basic.form["code_verifier"] == ATTEMPT.verifier
    assert not basic.form.keys() & {"client_id", "client_secret"}, "the client authenticates in one way, not two"
    posts = METADATA.model_copy(update={"token_endpoint_auth_methods_supported": ("client_secret_post",)})
    by_form = token_request(CLIENT, posts, ATTEMPT, "c")
    assert (by_form.form["client_id"], by_form.form["client_secret"], by_form.headers) == ("us", "s/e:c", {})
    public = token_request(replace(CLIENT, secret=None), METADATA, ATTEMPT, "c")
    assert (public.form["client_id"], "client_secret" in public.form, public.headers) == ("us", False, {})


IDENTITIES = {
    "a role": ({"sub": "ida", "roles": "owner"}, ("ida", "owner")),
    "one of our roles among theirs": ({"sub": "ida", "roles": ["x", 7, None, "owner"]}, ("ida", "owner")),
    "the same role twice": ({"sub": "ida", "roles": ["owner", "owner"]}, ("ida", "owner")),
    "none": ({"sub": "ida", "roles": ["x"]}, "no_role"),
    "no claim": ({"sub": "ida"}, "no_role"),
    "no list": ({"sub": "ida", "roles": {"owner": True}}, "no_role"),
    "another case": ({"sub": "ida", "roles": "Owner"}, "no_role"),
    "two": ({"sub": "ida", "roles": ["owner", "finance"]}, "many_roles"),
    "no name": ({"roles": "owner"}, "nameless"),
    "a name that is a number": ({"sub": 7, "roles": "owner"}, "nameless"),
    "an empty name": ({"sub": "", "roles": "owner"}, "nameless"),
    "the name of the settings' token": ({"sub": "Admin", "roles": "owner"}, "nameless"),
    "the schedule's name": ({"sub": "schedule", "roles": "owner"}, "nameless"),
    "a trailing space": ({"sub": "ida ", "roles": "owner"}, "nameless"),
    "a bidirectional override": ({"sub": "ida\u202e", "roles": "owner"}, "nameless"),
    "a long one": ({"sub": "i" * 101, "roles": "owner"}, "nameless"),
}


@pytest.mark.parametrize(("claims", "expected"), IDENTITIES.values(), ids=IDENTITIES)
def test_the_claims_give_one_name_and_one_role(claims: Mapping[str, Any], expected: Any) -> None:
    if isinstance(expected, tuple):
        assert read_identity(CLIENT, claims) == expected
        return
    with pytest.raises(Unproven) as refused:
        read_identity(CLIENT, claims)
    assert refused.value.code == expected


def test_a_claim_may_be_nested() -> None:
    within = Client(ISSUER, "us", None, CALLBACK_URL, "who.name", "https://x.example/roles", {"a": "auditor"})
    assert read_identity(within, {"who": {"name": "al"}, "https://x.example/roles": ["a"]}) == ("al", "auditor")


SETTINGS: dict[str, Any] = {
    "openid_issuer": ISSUER,
    "openid_client": "us",
    "public_url": "https://likes.example.org",
    "openid_roles": "ledger-owners=owner, a=b=finance",
}


def test_the_settings_give_a_client() -> None:
    assert load_client(Settings()) is None
    client = load_client(Settings(**SETTINGS))
    assert client is not None
    assert (client.redirect_uri, client.host, client.secret) == (CALLBACK_URL, "id.example.org", None)
    assert client.roles == {"ledger-owners": "owner", "a=b": "finance"}
    with_secret = load_client(Settings(**SETTINGS | {"openid_roles": None, "openid_secret": "s/e:c"}))
    assert with_secret is not None
    assert with_secret.roles["reviewer"] == "reviewer"
    assert "s/e:c" not in repr(with_secret)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"openid_client": None}, "OPENID_CLIENT is missing"),
        ({"openid_issuer": None}, "OPENID_ISSUER is missing"),
        ({"public_url": None}, "PUBLIC_URL is missing"),
        ({"openid_issuer": "http://id.example.org"}, "https"),
        ({"openid_issuer": "https://id.example.org/?a"}, "https"),
        ({"openid_roles": "owner"}, "is not `value=role`"),
        ({"openid_roles": "a=king"}, "is not `value=role`"),
        ({"openid_roles": "a=owner,a=finance"}, "is repeated"),
        ({"openid_roles": " , "}, "names no role"),
    ],
)
def test_malformed_settings_stop_the_start(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsRefused, match=message):
        load_client(Settings(**SETTINGS | changed))


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://id.example.org", True),
        ("https://id.example.org:8443/a?policy=b", True),
        ("http://127.0.0.1:80/o", True),
        ("http://[::1]:80/o", True),
        ("http://localhost/o", True),
        ("http://id.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("https://who:secret@id.example.org", False),
        ("https://id.example.org/#x", False),
        ("https://", False),
        ("https://id.example.org:x", False),
        ("https://[", False),
        ("file:///etc/passwd", False),
    ],
)
def test_only_https_and_loopback_are_safe(url: str, *, is_safe: bool) -> None:
    assert is_safe_url(url) is is_safe
