"""What an OpenID Connect provider has to prove before anybody is signed in, and what the settings must say."""

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
BACK = "https://likes.example.org/admin/sign-in/openid/callback"
US = Client(ISSUER, "us", "s/e:c", BACK, "sub", "roles", {"finance": "finance", "owner": "owner"})
TOLD = Metadata(
    issuer=ISSUER,
    authorization_endpoint=f"{ISSUER}/authorize",
    token_endpoint=f"{ISSUER}/token",
    jwks_uri=f"{ISSUER}/keys",
)
MOMENT = int(NOW.timestamp())
GOOD: Mapping[str, Any] = {
    "iss": ISSUER,
    "aud": "us",
    "sub": "ida",
    "nonce": "nonce",
    "iat": MOMENT,
    "exp": MOMENT + 60,
    "roles": ["finance", "x"],
}


def signed(changed: Mapping[str, Any], key: Any = KEY, **header: Any) -> str:
    said = {name: value for name, value in (GOOD | changed).items() if value is not None}
    return jwt.encode({"alg": "ES256", "kid": key.kid, **header}, said, key)


def by_a_secret() -> str:
    """Sign with what everybody may read, as if it were a secret."""
    head = urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').rstrip(b"=")
    told = head + b"." + signed({}).split(".")[1].encode()
    mac = hmac.digest(KEY.as_pem(private=False), told, "sha256")
    return f"{told.decode()}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def by_nobody() -> str:
    head = urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    return f"{head}.{signed({}).split('.')[1]}."


FALSE: dict[str, Callable[[], str]] = {
    "another issuer": lambda: signed({"iss": f"{ISSUER}/"}),
    "no issuer": lambda: signed({"iss": None}),
    "another audience": lambda: signed({"aud": "them"}),
    "several audiences and nobody named": lambda: signed({"aud": ["us", "them"]}),
    "made for another": lambda: signed({"aud": ["us", "them"], "azp": "them"}),
    "another nonce": lambda: signed({"nonce": "another"}),
    "no nonce": lambda: signed({"nonce": None}),
    "expired": lambda: signed({"exp": MOMENT - 61}),
    "no end": lambda: signed({"exp": None}),
    "made in the future": lambda: signed({"iat": MOMENT + 61}),
    "made long ago": lambda: signed({"iat": MOMENT - 601}),
    "a time that is none": lambda: signed({"iat": "now"}),
    "nobody": lambda: signed({"sub": None}),
    "another's key": lambda: signed({}, OTHER),
    "another's key under our key's name": lambda: signed({}, OTHER, kid="one"),
    "a public key as a secret": by_a_secret,
    "no signature": by_nobody,
    "cut": lambda: signed({})[:-4],
    "no token": lambda: "x",
    "empty": lambda: "",
}


@pytest.mark.parametrize("token", FALSE.values(), ids=FALSE)
def test_a_false_token_signs_nobody_in(token: Callable[[], str]) -> None:
    with pytest.raises(Unproven) as refused:
        verify_id_token(US, ATTEMPT, KEYS, token(), NOW)
    assert refused.value.code == "unproven"


@pytest.mark.parametrize(
    "changed", [{}, {"aud": ["us"]}, {"aud": ["us", "them"], "azp": "us"}, {"exp": MOMENT - 59}, {"iat": MOMENT + 59}]
)
def test_a_true_one_does(changed: Mapping[str, Any]) -> None:
    assert read_identity(US, verify_id_token(US, ATTEMPT, KEYS, signed(changed), NOW)) == ("ida", "finance")


@pytest.mark.parametrize(
    ("query", "told"),
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
def test_an_answer_belongs_to_its_attempt(query: Mapping[str, str], told: str | None) -> None:
    if told is None:
        assert authorization_code(TOLD, ATTEMPT, query) == "c"
        return
    with pytest.raises(Unproven) as refused:
        authorization_code(TOLD, ATTEMPT, query)
    assert refused.value.code == told


def test_a_provider_that_names_itself_must_do_so_each_time() -> None:
    names = TOLD.model_copy(update={"authorization_response_iss_parameter_supported": True})
    with pytest.raises(Unproven):
        authorization_code(names, ATTEMPT, {"state": "state", "code": "c"})


def test_the_browser_is_sent_with_a_challenge_and_never_with_what_answers_it() -> None:
    sent = urlsplit(authorization_url(US, TOLD, ATTEMPT))
    asked = {name: value for name, (value,) in parse_qs(sent.query).items()}
    assert f"{sent.scheme}://{sent.netloc}{sent.path}" == TOLD.authorization_endpoint
    assert asked.pop("code_challenge") != ATTEMPT.verifier
    assert asked == {
        "response_type": "code",
        "client_id": "us",
        "redirect_uri": BACK,
        "scope": "openid profile email",
        "state": "state",
        "nonce": "nonce",
        "code_challenge_method": "S256",
    }


def test_the_challenge_is_that_of_rfc_7636() -> None:
    own = SignInAttempt("s", "n", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")  # its appendix B
    assert "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&" in authorization_url(US, TOLD, own)


def test_the_secret_goes_as_the_provider_takes_it() -> None:
    basic = token_request(US, TOLD, ATTEMPT, "c")
    assert basic.headers == {"Authorization": "Basic dXM6cyUyRmUlM0Fj"}  # us:s%2Fe%3Ac
    assert basic.form["code_verifier"] == ATTEMPT.verifier
    assert not basic.form.keys() & {"client_id", "client_secret"}, "one way to say who we are, not two"
    posts = TOLD.model_copy(update={"token_endpoint_auth_methods_supported": ("client_secret_post",)})
    by_form = token_request(US, posts, ATTEMPT, "c")
    assert (by_form.form["client_id"], by_form.form["client_secret"], by_form.headers) == ("us", "s/e:c", {})
    public = token_request(replace(US, secret=None), TOLD, ATTEMPT, "c")
    assert (public.form["client_id"], "client_secret" in public.form, public.headers) == ("us", False, {})


SOMEBODY = {
    "a role": ({"sub": "ida", "roles": "owner"}, ("ida", "owner")),
    "one of ours among theirs": ({"sub": "ida", "roles": ["x", 7, None, "owner"]}, ("ida", "owner")),
    "the same one twice": ({"sub": "ida", "roles": ["owner", "owner"]}, ("ida", "owner")),
    "none": ({"sub": "ida", "roles": ["x"]}, "no_role"),
    "no claim": ({"sub": "ida"}, "no_role"),
    "no list": ({"sub": "ida", "roles": {"owner": True}}, "no_role"),
    "another case": ({"sub": "ida", "roles": "Owner"}, "no_role"),
    "two": ({"sub": "ida", "roles": ["owner", "finance"]}, "many_roles"),
    "no name": ({"roles": "owner"}, "nameless"),
    "a name that is none": ({"sub": 7, "roles": "owner"}, "nameless"),
    "an empty name": ({"sub": "", "roles": "owner"}, "nameless"),
    "the name of the settings' token": ({"sub": "Admin", "roles": "owner"}, "nameless"),
    "the schedule's": ({"sub": "schedule", "roles": "owner"}, "nameless"),
    "one that looks like another": ({"sub": "ida ", "roles": "owner"}, "nameless"),
    "one that turns the line": ({"sub": "ida\u202e", "roles": "owner"}, "nameless"),
    "a long one": ({"sub": "i" * 101, "roles": "owner"}, "nameless"),
}


@pytest.mark.parametrize(("said", "found"), SOMEBODY.values(), ids=SOMEBODY)
def test_who_it_is_and_what_they_may(said: Mapping[str, Any], found: Any) -> None:
    if isinstance(found, tuple):
        assert read_identity(US, said) == found
        return
    with pytest.raises(Unproven) as refused:
        read_identity(US, said)
    assert refused.value.code == found


def test_a_claim_may_lie_within_another() -> None:
    within = Client(ISSUER, "us", None, BACK, "who.name", "https://x.example/roles", {"a": "auditor"})
    assert read_identity(within, {"who": {"name": "al"}, "https://x.example/roles": ["a"]}) == ("al", "auditor")


SET: dict[str, Any] = {
    "openid_issuer": ISSUER,
    "openid_client": "us",
    "public_url": "https://likes.example.org",
    "openid_roles": "ledger-owners=owner, a=b=finance",
}


def test_the_settings_make_a_client() -> None:
    assert load_client(Settings()) is None
    made = load_client(Settings(**SET))
    assert made is not None
    assert (made.redirect_uri, made.host, made.secret) == (BACK, "id.example.org", None)
    assert made.roles == {"ledger-owners": "owner", "a=b": "finance"}
    own = load_client(Settings(**SET | {"openid_roles": None, "openid_secret": "s/e:c"}))
    assert own is not None
    assert own.roles["reviewer"] == "reviewer"
    assert "s/e:c" not in repr(own)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"openid_client": None}, "OPENID_CLIENT is missing"),
        ({"openid_issuer": None}, "OPENID_ISSUER is missing"),
        ({"public_url": None}, "PUBLIC_URL is missing"),
        ({"openid_issuer": "http://id.example.org"}, "https"),
        ({"openid_issuer": "https://id.example.org/?a"}, "https"),
        ({"openid_roles": "owner"}, "no `value=role`"),
        ({"openid_roles": "a=king"}, "no `value=role`"),
        ({"openid_roles": "a=owner,a=finance"}, "comes twice"),
        ({"openid_roles": " , "}, "names no role"),
    ],
)
def test_settings_that_do_not_fit_stop_the_start(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsRefused, match=says):
        load_client(Settings(**SET | changed))


@pytest.mark.parametrize(
    ("url", "found"),
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
def test_nothing_is_sent_where_others_listen(url: str, *, found: bool) -> None:
    assert is_safe_url(url) is found
