"""Standard Webhooks signatures.

Which are valid, and that every malformed header returns None, never raises.
"""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

from campaigns.catalogue.webhook_secrets import derive_secret, format_secret
from campaigns.intake.signature import Delivery, VerificationKey, sign_delivery, verify_delivery

SECRET, OTHER_SECRET = b"s" * 32, b"o" * 32
KEYS = [VerificationKey("v1", SECRET)]
SENT_AT = 1_674_087_231
NOW = datetime.fromtimestamp(SENT_AT, UTC)
BODY = '{"type": "likes", "text": "点赞"}'.encode()
GOOD = sign_delivery(SECRET, "msg_1", SENT_AT, BODY)
EMPTY = "v1,"


def headers(signature: str = GOOD, timestamp: str = str(SENT_AT), webhook_id: str = "msg_1") -> dict[str, str]:
    return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": signature}


def encode_key(signature: bytes) -> str:
    return "v1," + base64.b64encode(signature).decode()


def bytes_of(signature: str) -> bytes:
    return base64.b64decode(signature.split(",")[1])


def test_signatures_of_the_reference_library_are_valid():
    sender = Webhook(base64.b64encode(SECRET).decode())
    signature = sender.sign("msg_1", NOW, BODY.decode())
    assert signature == GOOD
    assert verify_delivery(headers(signature), BODY, KEYS, NOW) == Delivery("msg_1", BODY)


def test_the_reference_library_accepts_the_formatted_secret():
    secret = derive_secret(b"k" * 32, "kuaishou", b"0" * 16)
    secret_text = format_secret(secret)
    assert secret_text.startswith("whsec_")
    signature = Webhook(secret_text).sign("msg_1", NOW, BODY.decode())
    assert verify_delivery(headers(signature), BODY, [VerificationKey("v1", secret)], NOW) is not None


@pytest.mark.parametrize(
    "signature",
    [
        f"v1,{base64.b64encode(b'x' * 32).decode()} {GOOD}",
        f"{GOOD} garbage",
        f"garbage {GOOD}",
        f"v1,a,b {GOOD}",
        f"v1,!!! {GOOD}",  # bad base64, followed by a good one
        f"v1,AAA {GOOD}",
        f"v2,{'A' * 44} {GOOD}",
        f"  {GOOD}  ",
        f"{EMPTY} {GOOD}",
        f"v1a,AAAA {GOOD}",
        f"é {GOOD}",
    ],
)
def test_a_good_signature_is_valid_beside_malformed_ones(signature: str):
    assert verify_delivery(headers(signature), BODY, KEYS, NOW) == Delivery("msg_1", BODY)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        " ",
        "garbage",
        "v1",
        EMPTY,
        "v1,a,b",
        "v1,,",
        "v1  ",
        "v1,!!!",
        "v1,AAA",
        "v1,é",
        "v1,\ud800",
        "\x00",
        ",",
        GOOD.removeprefix("v1"),
        GOOD.removeprefix("v1,"),
        GOOD.replace("v1", "V1"),
        GOOD.replace("v1", "v1a"),
        GOOD.replace("v1", "v2"),
        GOOD.replace(",", ", "),
        encode_key(bytes_of(GOOD)[:31]),  # a prefix
        encode_key(bytes_of(GOOD)[:1]),
        encode_key(b""),
        encode_key(bytes_of(GOOD) + b"\x00"),  # over-long
        encode_key(bytes_of(GOOD) * 2),
        encode_key(bytes(32)),
        sign_delivery(OTHER_SECRET, "msg_1", SENT_AT, BODY),
        sign_delivery(b"", "msg_1", SENT_AT, BODY),
        " ".join(["v1,AAAA"] * 10 + [GOOD]),  # only the first ten are checked
        "v1," + "A" * 100_000,
    ],
)
def test_an_invalid_signature_is_refused(signature: str):
    assert verify_delivery(headers(signature), BODY, KEYS, NOW) is None


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        f"{SENT_AT}.0",
        f" {SENT_AT}",
        f"{SENT_AT} ",
        f"{SENT_AT}\n",
        "1674_087231",
        f"+{SENT_AT}",
        f"-{SENT_AT}",
        hex(SENT_AT),
        "1.674087231e9",
        "١٦٧٤٠٨٧٢٣١",  # the same number in Arabic digits
        "１６７４０８７２３１",  # and in full-width ones
        "now",
        "nan",
        "inf",
        "9" * 12,
        "9" * 13,
        "9" * 5_000,
        "2023-01-19T00:13:51Z",
        "\x00",
    ],
)
def test_a_timestamp_that_is_not_a_plain_number_of_seconds_is_refused(timestamp: str):
    signed = f"msg_1.{timestamp}.".encode() + BODY
    signature = encode_key(hmac.digest(SECRET, signed, "sha256"))
    assert verify_delivery(headers(signature, timestamp), BODY, KEYS, NOW) is None
    assert verify_delivery(headers(GOOD, timestamp), BODY, KEYS, NOW) is None


@pytest.mark.parametrize("webhook_id", ["", "a b", "msg\n1", "msg\x00", "消息", "é", "x" * 201, " msg_1", "msg_1 "])
def test_an_id_that_is_not_a_short_printable_word_is_refused(webhook_id: str):
    signature = sign_delivery(SECRET, webhook_id, SENT_AT, BODY)
    assert verify_delivery(headers(signature, webhook_id=webhook_id), BODY, KEYS, NOW) is None


@pytest.mark.parametrize("webhook_id", ["1", "msg_2Lh9", "x" * 200, "01890f5c-7d5e-7c3a-9a1e-2b6f0c1d2e3f", "a/b:c"])
def test_a_short_printable_id_is_returned_unchanged(webhook_id: str):
    signature = sign_delivery(SECRET, webhook_id, SENT_AT, BODY)
    assert verify_delivery(headers(signature, webhook_id=webhook_id), BODY, KEYS, NOW) == Delivery(webhook_id, BODY)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_header_is_needed(missing: str):
    assert verify_delivery({k: v for k, v in headers().items() if k != missing}, BODY, KEYS, NOW) is None


SVIX = {name.replace("webhook", "svix"): value for name, value in headers().items()}


@pytest.mark.parametrize(
    ("sent", "is_valid"),
    [
        pytest.param(SVIX, True, id="the names of Svix"),
        pytest.param(headers() | SVIX, True, id="both, which agree"),
        *(pytest.param(headers() | SVIX | {name: "1"}, False, id=f"another {name}") for name in (*SVIX, *headers())),
        pytest.param(SVIX | {"svix-signature": EMPTY}, False, id="without a signature"),
    ],
)
def test_senders_of_svix_name_the_headers_otherwise(sent: dict[str, str], is_valid: bool):
    assert verify_delivery(sent, BODY, KEYS, NOW) == (Delivery("msg_1", BODY) if is_valid else None)


@pytest.mark.parametrize(
    ("clock_ahead_seconds", "is_valid"),
    [(0, True), (300, True), (-300, True), (301, False), (-301, False), (10**9, False)],
)
def test_clocks_may_differ_by_five_minutes_either_way(clock_ahead_seconds: int, is_valid: bool):
    now = NOW + timedelta(seconds=clock_ahead_seconds)
    assert (verify_delivery(headers(), BODY, KEYS, now) is not None) is is_valid


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"likes","text":"\xe7\x82\xb9\xe8\xb5\x9e"}',  # other white space
        '{"text": "点赞", "type": "likes"}'.encode(),  # another order
        json.dumps(json.loads(BODY)).encode(),  # escapes instead of characters
        BODY + b"\n",
        BODY[:-1],
        b"",
    ],
)
def test_the_signature_covers_the_bytes_not_their_meaning(body: bytes):
    assert verify_delivery(headers(), body, KEYS, NOW) is None


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"\x00", b'{"n": 1.0}', b"x" * 100_000])
def test_any_bytes_can_be_signed(body: bytes):
    assert verify_delivery(headers(sign_delivery(SECRET, "msg_1", SENT_AT, body)), body, KEYS, NOW) == Delivery(
        "msg_1", body
    )


@pytest.mark.parametrize(
    ("keys", "is_valid"),
    [
        ([VerificationKey("v1", SECRET)], True),
        (
            [VerificationKey("v1", OTHER_SECRET), VerificationKey("v1", SECRET)],
            True,
        ),  # after a rotation both are live
        ([VerificationKey("v1", SECRET), VerificationKey("v1", OTHER_SECRET)], True),
        ([VerificationKey("v1", OTHER_SECRET)], False),
        ([VerificationKey("v1a", SECRET)], False),
        ([], False),  # no secret set: fail closed
    ],
)
def test_any_live_secret_verifies_and_no_other(keys: list[VerificationKey], is_valid: bool):
    assert (verify_delivery(headers(), BODY, keys, NOW) is not None) is is_valid


def ed25519(private: Ed25519PrivateKey, body: bytes = BODY) -> str:
    signed = f"msg_1.{SENT_AT}.".encode() + body
    return "v1a," + base64.b64encode(private.sign(signed)).decode()


def test_an_ed25519_signature_is_valid_for_one_key_only():
    private, another = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    keys = [VerificationKey("v1a", private.public_key().public_bytes_raw())]
    assert verify_delivery(headers(ed25519(private)), BODY, keys, NOW) == Delivery("msg_1", BODY)
    assert verify_delivery(headers(f"v1a,AAAA {ed25519(private)}"), BODY, keys, NOW) == Delivery("msg_1", BODY)
    assert verify_delivery(headers(ed25519(another)), BODY, keys, NOW) is None
    assert verify_delivery(headers(ed25519(private)), BODY + b" ", keys, NOW) is None
    assert verify_delivery(headers(ed25519(private).replace("v1a", "v1")), BODY, keys, NOW) is None


@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 128])
def test_an_ed25519_signature_of_another_length_is_refused(length: int):
    keys = [VerificationKey("v1a", Ed25519PrivateKey.generate().public_key().public_bytes_raw())]
    signature = "v1a," + base64.b64encode(b"x" * length).decode()
    assert verify_delivery(headers(signature), BODY, keys, NOW) is None


def test_secrets_of_two_platforms_salts_or_services_differ():
    secrets = {
        derive_secret(webhook_key, platform, salt)
        for webhook_key in (b"k" * 32, b"j" * 32)
        for platform in ("a", "b", "ab", "")
        for salt in (b"", b"a", b"0" * 16, b"1" * 16)
    }
    assert len(secrets) == 2 * 4 * 4


def test_a_delivery_names_the_keys_that_verified_it():
    keys = [VerificationKey("v1", OTHER_SECRET), VerificationKey("v1", SECRET)]
    both = f"{GOOD} {sign_delivery(OTHER_SECRET, 'msg_1', SENT_AT, BODY)}"
    for signature, key_indexes in ((GOOD, (1,)), (both, (0, 1))):
        delivery = verify_delivery(headers(signature), BODY, keys, NOW)
        assert delivery is not None
        assert delivery.key_indexes == key_indexes
