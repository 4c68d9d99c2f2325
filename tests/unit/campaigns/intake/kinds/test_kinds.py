"""Kinds of platforms: signatures by independent signers and published vectors, bodies by tables of cases."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from campaigns.intake.kinds import douyin_live
from campaigns.intake.kinds.model import Kind, PlatformEvent, Request, Secret, Unreadable, Verified
from campaigns.intake.kinds.registry import KINDS

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
NOW_S, NOW_MS = int(NOW.timestamp()), int(NOW.timestamp()) * 1000
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
SECRETS = [Secret({"secret": "another"}), Secret({"secret": SECRET, "verify_token": "token"})]
Signer = Callable[[bytes, str], Mapping[str, str]]


def hub(header: str) -> Signer:
    return lambda body, secret: {header: "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()}


def sign_douyin_video(body: bytes, secret: str) -> Mapping[str, str]:
    return {"x-douyin-signature": hashlib.sha1(secret.encode() + body, usedforsecurity=False).hexdigest()}


def sign_douyin_live(body: bytes, secret: str, **changed: str) -> Mapping[str, str]:
    headers = {"x-nonce-str": "n1", "x-timestamp": str(NOW_MS), "x-roomid": "268", "x-msg-type": "live_like"}
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    signed = "&".join(f"{name}={headers[name]}" for name in sorted(headers)).encode() + body + secret.encode()
    return headers | {"x-signature": base64.b64encode(hashlib.md5(signed, usedforsecurity=False).digest()).decode()}


def sign_kuaishou(body: bytes, secret: str) -> Mapping[str, str]:
    return {"kwaisign": hashlib.md5(body + secret.encode(), usedforsecurity=False).hexdigest()}


def sign_gitlab(body: bytes, secret: str) -> Mapping[str, str]:
    try:
        signature = Webhook(secret).sign("d1", NOW, body.decode())
    except ValueError:  # a secret that is no base64 is the key itself
        signed = b"d1.%d." % NOW_S + body
        signature = "v1," + base64.b64encode(hmac.new(secret.encode(), signed, "sha256").digest()).decode()
    return {"webhook-id": "d1", "webhook-timestamp": str(NOW_S), "webhook-signature": signature}


SIGNERS: dict[str, Signer] = {
    "douyin-video": sign_douyin_video,
    "douyin-live": sign_douyin_live,
    "kuaishou-live": sign_kuaishou,
    "github-star": hub("x-hub-signature-256"),
    "facebook-page": hub("x-hub-signature-256"),
    "gitlab-emoji": sign_gitlab,
    "discourse": hub("x-discourse-event-signature"),
}


def post(body: bytes, headers: Mapping[str, str]) -> Request:
    return Request("POST", {}, headers, body)


def read(name: str, body: object, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = SIGNERS[name](raw, SECRET) | {key.replace("_", "-"): value for key, value in headers.items()}
    kind = KINDS[name]
    return kind.read(Verified(post(raw, signed), (1,)), frozenset(kind.reactions))


def test_every_kind_has_a_signer_here() -> None:
    assert KINDS.keys() == SIGNERS.keys()


@pytest.mark.parametrize("name", KINDS)
def test_any_live_secret_verifies_and_nothing_else_does(name: str) -> None:
    kind, body = KINDS[name], b'{"a": 1}'
    right = SIGNERS[name](body, SECRET)
    verified = kind.verify(post(body, right), SECRETS, NOW)
    assert verified is not None
    assert verified.secret_indexes == (1,)
    wrong = [
        post(body, SIGNERS[name](body, "stolen")),
        post(body + b" ", right),
        post(body, {}),
        *(post(body, right | {header: value}) for header in right for value in ("", "\xe9\xe9", "sha256=\xe9", "0")),
    ]
    assert [kind.verify(request, SECRETS, NOW) for request in wrong] == [None] * len(wrong)
    assert kind.verify(post(body, right), [], NOW) is None


@pytest.mark.parametrize(
    ("name", "later"), [(n, t) for n in ("douyin-live", "gitlab-emoji") for t in (-301, -299, 299, 301)]
)
def test_a_signature_with_a_time_holds_for_five_minutes(name: str, later: int) -> None:
    request = post(b"{}", SIGNERS[name](b"{}", SECRET))
    verified = KINDS[name].verify(request, SECRETS, NOW + timedelta(seconds=later))
    assert (verified is not None) == (abs(later) < 300)


def test_published_vectors() -> None:
    headers = {"x-nonce-str": "123456", "x-timestamp": "456789", "x-roomid": "268", "x-msg-type": "live_gift"}
    signature = douyin_live.sign(headers, "abc123你好".encode(), b"123abc")
    assert base64.b64encode(signature) == b"PDcKhdlsrKEJif6uMKD2dw=="
    github = {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    key = [Secret({"secret": "It's a Secret to Everybody"})]
    assert KINDS["github-star"].verify(post(b"Hello, World!", github), key, NOW)
    ping = {"x-discourse-event-signature": "sha256=162f107f6b5022353274eb1a7197885cfd35744d8d08e5bcea025d309386b7d6"}
    key = [Secret({"secret": "my_lovely_secret_for_web_hook"})]
    assert KINDS["discourse"].verify(post(b'{"ping":"OK"}', ping), key, NOW)


def test_the_parts_of_an_unbounded_signature_have_one_form() -> None:
    """Without boundaries, a digit could move from the room to the next part."""
    for changed in (
        {"x_roomid": "26a"},
        {"x_timestamp": f"{NOW_MS}0"},
        {"x_nonce_str": "n&x-roomid=1"},
        {"x_msg_type": "live_like&x"},
        {"x_roomid": ""},
    ):
        assert (
            KINDS["douyin-live"].verify(post(b"[]", sign_douyin_live(b"[]", SECRET, **changed)), SECRETS, NOW) is None
        )


def like(content: str, person: str, event_at: datetime | None, **values: Any) -> PlatformEvent:
    return PlatformEvent(values.pop("action", "like"), content, person, event_at, **values)


def douyin(**content: Any) -> dict[str, Any]:
    values = {"action_type": 1, "action_time": NOW_S, "item_id": "@v=="} | content
    return {"event": "new_video_digg", "from_user_id": "p", "content": json.dumps(values)}


def taps(**values: Any) -> dict[str, Any]:
    return {"msg_id": "m", "sec_openid": "p", "like_num": 3, "timestamp": NOW_MS} | values


def star(action: str = "created", **values: Any) -> dict[str, Any]:
    body = {"action": action, "starred_at": "2026-05-04T12:00:00Z", "repository": {"id": 7}}
    return body | {"sender": {"id": 2**70, "type": "User"}} | values


def feed(**value: Any) -> dict[str, Any]:
    values = {"item": "reaction", "verb": "add", "reaction_type": "love", "post_id": "1_2", "created_time": NOW_S}
    return {
        "object": "page",
        "entry": [{"changes": [{"field": "feed", "value": values | {"from": {"id": "9"}} | value}]}],
    }


def emoji(event_type: str = "award", **attributes: Any) -> dict[str, Any]:
    values = {"user_id": 1, "id": 5, "name": "heart", "awardable_type": "Issue", "awardable_id": 3}
    values |= {"created_at": "2026-05-04 12:00:00 UTC"} | attributes
    return {"object_kind": "emoji", "event_type": event_type, "project_id": 6, "object_attributes": values}


def kuaishou(*payload: Any, event: str = "LIVE_INTERACTION_DATA", **data: Any) -> dict[str, Any]:
    values = {"room_code": "r", "push_type": "liveLike", "payload": list(payload)} | data
    return {"event": event, "timestamp": NOW_MS, "data": values}


TAPS = {"count": 2, "userInfo": {"userId": "p"}}
LONG = "v" * 200
HASHED = "sha256:" + hashlib.sha256(f"douyin:{LONG}".encode()).hexdigest()
CASES: list[tuple[str, str, object, dict[str, str], list[PlatformEvent], int, int]] = [
    # kind, case, body, headers, events, ignored, unread
    ("douyin-video", "like", douyin(), {}, [like("douyin:@v==", "p", NOW)], 0, 0),
    ("douyin-video", "content as object", douyin() | {"content": {"action_time": NOW_S, "item_id": 5}}, {},
     [like("douyin:5", "p", NOW)], 0, 0),
    ("douyin-video", "time as text", douyin(action_time=str(NOW_S)), {}, [like("douyin:@v==", "p", NOW)], 0, 0),
    ("douyin-video", "long id", douyin(item_id=LONG), {}, [like(HASHED, "p", NOW)], 0, 0),
    ("douyin-video", "another action", douyin(action_type=2), {}, [], 1, 0),
    ("douyin-video", "milliseconds", douyin(action_time=NOW_MS), {}, [], 0, 1),
    ("douyin-video", "no person", {"event": "new_video_digg", "content": "{}"}, {}, [], 0, 1),
    ("douyin-video", "broken content", douyin() | {"content": "{"}, {}, [], 0, 1),
    ("douyin-video", "another event", {"event": "unauthorize"}, {}, [], 1, 0),
    ("douyin-video", "no object", [1], {}, [], 1, 0),
    ("douyin-live", "taps", [taps(), taps(sec_openid="q", like_num=1)], {},
     [like("douyin-live:268", "p", NOW, taps=3), like("douyin-live:268", "q", NOW, taps=1)], 0, 0),
    ("douyin-live", "no taps", [taps(like_num=0), taps(like_num=-1)], {}, [], 2, 0),
    ("douyin-live", "the platform's test", [taps(test=True)], {}, [], 1, 0),
    ("douyin-live", "one fault among others", [taps(sec_openid=None), taps(), 5], {},
     [like("douyin-live:268", "p", NOW, taps=3)], 0, 2),
    ("douyin-live", "a gift", [{"gift_num": 1}], {"x_msg_type": "live_gift"}, [], 1, 0),
    ("kuaishou-live", "taps", kuaishou(TAPS), {}, [like("kuaishou-live:r", "p", NOW, taps=2)], 0, 0),
    ("kuaishou-live", "load test", kuaishou(TAPS, event="LIVE_INTERACTION_DATA_TEST"), {}, [], 1, 0),
    ("kuaishou-live", "a comment", kuaishou(TAPS, push_type="liveComment"), {}, [], 1, 0),
    ("kuaishou-live", "no list", kuaishou(payload=None), {}, [], 0, 1),
    ("kuaishou-live", "no room", kuaishou(TAPS, room_code=""), {}, [], 0, 1),
    ("github-star", "star", star(), {"x_github_event": "star"}, [like("github:7", str(2**70), NOW)], 0, 0),
    ("github-star", "star without time", star(starred_at=None), {"x_github_event": "star"},
     [like("github:7", str(2**70), None)], 0, 0),
    ("github-star", "star taken back", star("deleted"), {"x_github_event": "star"},
     [like("github:7", str(2**70), None, action="unlike")], 0, 0),
    ("github-star", "a bot", star(sender={"id": 1, "type": "Bot"}), {"x_github_event": "star"}, [], 1, 0),
    ("github-star", "watch", star("started"), {"x_github_event": "watch"}, [], 1, 0),
    ("github-star", "broken time", star(starred_at="yesterday"), {"x_github_event": "star"}, [], 0, 1),
    ("github-star", "the first moment", star(starred_at="0001-01-01T00:00:00+14:00"), {"x_github_event": "star"},
     [], 0, 1),
    ("github-star", "truth as an id", star(repository={"id": True}), {"x_github_event": "star"}, [], 0, 1),
    ("facebook-page", "love", feed(), {}, [like("facebook:1_2", "9", NOW)], 0, 0),
    ("facebook-page", "an item like", feed(item="like", reaction_type="like"), {},
     [like("facebook:1_2", "9", NOW)], 0, 0),
    ("facebook-page", "removed", feed(verb="remove"), {}, [like("facebook:1_2", "9", NOW, action="unlike")], 0, 0),
    ("facebook-page", "changed to anger", feed(verb="edit", reaction_type="angry"), {},
     [like("facebook:1_2", "9", NOW, action="unlike")], 0, 0),
    ("facebook-page", "changed to love", feed(verb="edit"), {}, [like("facebook:1_2", "9", NOW)], 0, 0),
    ("facebook-page", "anger", feed(reaction_type="angry"), {}, [], 1, 0),
    ("facebook-page", "a comment's reaction", feed(comment_id="c"), {}, [], 1, 0),
    ("facebook-page", "no person", feed(**{"from": None}), {}, [], 0, 1),
    ("facebook-page", "no page", feed() | {"object": "user"}, {}, [], 1, 0),
    ("facebook-page", "no list", {"object": "page", "entry": [{"changes": 5}, 6]}, {}, [], 0, 2),
    ("gitlab-emoji", "award", emoji(), {}, [like("gitlab:6/Issue/3", "1", NOW, like_id="6/5")], 0, 0),
    ("gitlab-emoji", "RFC 3339", emoji(created_at="2026-05-04T14:00:00.000+02:00"), {},
     [like("gitlab:6/Issue/3", "1", NOW, like_id="6/5")], 0, 0),
    ("gitlab-emoji", "revoke", emoji("revoke"), {}, [PlatformEvent("unlike", None, "1", None, "6/5")], 0, 0),
    ("gitlab-emoji", "another emoji", emoji(name="thumbsdown"), {}, [], 1, 0),
    ("gitlab-emoji", "no zone", emoji(created_at="2026-05-04 12:00:00"), {}, [], 0, 1),
    ("gitlab-emoji", "a push", {"object_kind": "push"}, {}, [], 1, 0),
    ("discourse", "like", {"like": {"post": {"id": 8}, "user": {"id": 9}}}, {},
     [like("discourse:8", "9", None)], 0, 0),
    ("discourse", "ping", {"ping": "OK"}, {"x_discourse_event_type": "ping"}, [], 1, 0),
    ("discourse", "no user", {"like": {"post": {"id": 8}}}, {}, [], 0, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "body", "headers", "events", "ignored", "unread"),
    [pytest.param(name, *rest, id=f"{name}: {case}") for name, case, *rest in CASES],
)
def test_bodies(
    name: str, body: object, headers: dict[str, str], events: list[PlatformEvent], ignored: int, unread: int
) -> None:
    reading = read(name, body, **headers)
    assert (list(reading.events), reading.ignored, len(reading.unread)) == (events, ignored, unread)
    assert reading.answer == (b'{"result": 1}' if name == "kuaishou-live" else b"{}")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff{}",
        b'{"a": NaN}',
        b"{}{}",
        b"{}\x80\x00",
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"[" * 9_000,
    ],
    ids=["empty", "cut off", "not UTF-8", "NaN", "two", "padded", "UTF-16", "mark", "deep"],
)
def test_what_is_not_one_json_text_is_unreadable(name: str, body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(name, body)


def test_challenges() -> None:
    body = {"event": "verify_webhook", "content": {"challenge": 12345}}
    assert json.loads(read("douyin-video", body).answer) == {"challenge": 12345}
    kind: Kind = KINDS["facebook-page"]
    assert kind.challenge is not None
    query = {"hub.mode": "subscribe", "hub.challenge": "77", "hub.verify_token": "token"}
    secrets = [SECRETS[1]]
    assert kind.challenge(Request("GET", query, {}, b""), secrets) == b"77"
    for wrong in ({"hub.verify_token": "x"}, {"hub.verify_token": ""}, {"hub.mode": "x"}, {"hub.challenge": ""}):
        assert kind.challenge(Request("GET", query | wrong, {}, b""), secrets) is None


def test_a_delivery_is_known_by_its_bytes_and_where_they_belong() -> None:
    same, other = read("douyin-live", [taps()]), read("douyin-live", [taps()], x_roomid="269")
    assert read("douyin-live", [taps()]).delivery == same.delivery != other.delivery
    first, again = (read("github-star", star(), x_github_event="star", x_github_delivery=i) for i in "ab")
    assert first.delivery != again.delivery
    assert (
        read("github-star", star("deleted"), x_github_event="star", x_github_delivery="a").delivery != first.delivery
    )


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=9)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


@given(st.sampled_from(CASES), st.data())
def test_a_changed_value_never_raises_and_is_never_told(case: tuple[Any, ...], data: st.DataObject) -> None:
    name, _, body, headers, *_ = case
    private_value = "PRIVATE-7f3a"
    changed = replace_any(body, data, data.draw(JSON_VALUES | st.just(private_value)))
    reading = read(name, changed, **headers)
    assert all(private_value not in fault.reason and private_value not in fault.event for fault in reading.unread)


def replace_any(value: Any, data: st.DataObject, new: Any) -> Any:
    """Return the value with one member, at any depth, replaced."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        return value | {key: replace_any(value[key], data, new)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        index = data.draw(st.integers(0, len(value) - 1))
        return [*value[:index], replace_any(value[index], data, new), *value[index + 1 :]]
    return new


@given(
    st.sampled_from(sorted(KINDS)),
    st.binary(max_size=40),
    st.dictionaries(st.text(max_size=20), st.text(max_size=40)),
)
def test_any_request_is_verified_without_an_error(name: str, body: bytes, headers: dict[str, str]) -> None:
    assert KINDS[name].verify(post(body, headers), SECRETS, NOW) is None
