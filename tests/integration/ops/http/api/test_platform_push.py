"""Deliveries of platforms of other kinds: recorded once, answered as each expects, and nothing told."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from campaigns.catalogue import cache, enrolment, platforms
from campaigns.intake.kinds.registry import KINDS
from ops.clock import utc_now
from running_service import KEYS, SLUG, HttpResponse, RunningService, promise, running_service

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
CONTENTS = [
    "github:7",
    "douyin-live:268",
    "facebook:1_2",
    "gitlab:6/Issue/3",
    "discourse:8",
    "douyin:v",
    "kuaishou-live:r",
]


@pytest.fixture
async def service(dsn: str) -> AsyncIterator[RunningService]:
    now = utc_now()
    today = {"starts_at": now - timedelta(days=5), "ends_at": now + timedelta(days=5), "content": "registered"}
    async with running_service(dsn, promise(campaign=today)) as running:
        async with running.service.pool.acquire() as conn, conn.transaction():
            for kind in KINDS.values():
                values = dict.fromkeys(kind.secrets, SECRET)
                await platforms.add_platform_of_kind(conn, f"p-{kind.name}", KEYS.webhook, kind.name, values)
            campaign = (await cache.read_campaigns(conn, KEYS.pseudonym))[SLUG]
            await enrolment.enrol_contents(conn, campaign, CONTENTS)
        yield running


def hub(header: str, body: bytes, secret: str) -> dict[str, str]:
    return {header: "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()}


async def push(
    service: RunningService, kind: str, body: Any, headers: Mapping[str, str] | None = None, secret: str = SECRET
) -> HttpResponse:
    raw, now = json.dumps(body).encode(), utc_now()
    match kind:
        case "github-star":
            signed = hub("X-Hub-Signature-256", raw, secret) | {"X-GitHub-Event": "star"}
        case "facebook-page":
            signed = hub("X-Hub-Signature-256", raw, secret)
        case "discourse":
            signed = hub("X-Discourse-Event-Signature", raw, secret)
        case "douyin-live":
            stamp = str(int(now.timestamp() * 1000))
            signed = {"x-nonce-str": "n", "x-timestamp": stamp, "x-roomid": "268", "x-msg-type": "live_like"}
            text = "&".join(f"{name}={signed[name]}" for name in sorted(signed)).encode() + raw + secret.encode()
            signed["x-signature"] = base64.b64encode(hashlib.md5(text, usedforsecurity=False).digest()).decode()
        case _:
            signature = Webhook(secret).sign("d1", now, raw.decode())
            stamp = str(int(now.timestamp()))
            signed = {"webhook-id": "d1", "webhook-timestamp": stamp, "webhook-signature": signature}
    signed |= {"Content-Type": "application/json", **(headers or {})}
    url = f"{service.url}/v1/platforms/p-{kind}/likes"
    async with service.http.post(url, data=raw, headers=signed) as response:
        return HttpResponse(response.status, response.headers, await response.read())


async def counts(service: RunningService) -> tuple[int, int]:
    """Return the counted and the withdrawn likes."""
    await service.tick()
    days = await service.day_counts()
    return days.get("counted", 0), days.get("withdrawn", 0)


def star(action: str, at: datetime | None, person: int = 1) -> dict[str, Any]:
    sender = {"id": person, "type": "User"}
    return {"action": action, "starred_at": at and at.isoformat(), "repository": {"id": 7}, "sender": sender}


async def test_a_star_counts_once_and_is_taken_back(service: RunningService) -> None:
    first = star("created", utc_now() - timedelta(hours=1))
    for delivery in ("a", "a", "b"):
        response = await push(service, "github-star", first, {"X-GitHub-Delivery": delivery})
        assert (response.status, response.body) == (200, b"{}")
    assert await counts(service) == (1, 0)
    assert (await push(service, "github-star", star("deleted", None), {"X-GitHub-Delivery": "c"})).status == 200
    assert await counts(service) == (0, 1)
    assert (await push(service, "github-star", first, {"X-GitHub-Delivery": "d"})).status == 200
    assert await counts(service) == (0, 1)


async def test_taps_of_a_person_are_one_like_a_day(service: RunningService) -> None:
    now = utc_now()

    def taps(person: str, at: datetime, count: int) -> dict[str, Any]:
        return {"sec_openid": person, "like_num": count, "timestamp": int(at.timestamp() * 1000)}

    yesterday = now - timedelta(days=1)
    for body in ([taps("p", now, 3), taps("q", now, 1)], [taps("p", now, 99)], [taps("p", yesterday, 5)]):
        assert (await push(service, "douyin-live", body)).status == 200
    assert await counts(service) == (3, 0)


@pytest.mark.parametrize("is_undone_first", [False, True])
async def test_an_emoji_is_taken_back_by_its_own_id_in_any_order(
    service: RunningService, is_undone_first: bool
) -> None:
    attributes = {"user_id": 1, "id": 5, "name": "heart", "awardable_type": "Issue", "awardable_id": 3}
    attributes["created_at"] = utc_now().strftime("%Y-%m-%d %H:%M:%S UTC")
    award = {"object_kind": "emoji", "event_type": "award", "project_id": 6, "object_attributes": attributes}
    of_another = award | {"event_type": "revoke", "object_attributes": attributes | {"user_id": 2, "id": 6}}
    bodies = [award, award | {"event_type": "revoke"}]
    for body in [of_another, *(bodies[::-1] if is_undone_first else bodies), award]:
        assert (await push(service, "gitlab-emoji", body)).status == 200
    counted, withdrawn = await counts(service)
    assert (counted, withdrawn) == (0, 0 if is_undone_first else 1)


async def test_what_is_not_enrolled_is_acknowledged_and_counts_nowhere(service: RunningService) -> None:
    body = {"like": {"post": {"id": 99}, "user": {"id": 1}}}
    assert (await push(service, "discourse", body)).status == 200
    assert (await push(service, "discourse", {"ping": "OK"})).status == 200
    assert await counts(service) == (0, 0)


async def test_a_wrong_secret_and_an_unreadable_body_are_refused(service: RunningService) -> None:
    other = "whsec_" + base64.b64encode(b"o" * 32).decode()
    for kind in ("github-star", "gitlab-emoji", "douyin-live", "discourse", "facebook-page"):
        assert (await push(service, kind, {}, secret=other)).status == 401
    url = f"{service.url}/v1/platforms/p-discourse/likes"
    signed = hub("X-Discourse-Event-Signature", b"{", SECRET) | {"Content-Type": "application/json"}
    async with service.http.post(url, data=b"{", headers=signed) as response:
        assert response.status == 400


async def test_what_cannot_be_read_is_noted_without_its_values(service: RunningService) -> None:
    body = {"like": {"post": {"id": 8}, "user": {"id": ["PRIVATE-1"]}}}
    assert (await push(service, "discourse", body)).status == 200
    await service.service.unread_events.flush(service.service.pool)
    async with service.service.pool.acquire() as conn:
        rows = await conn.fetch("SELECT event, reason, times FROM unread_events")
    assert [tuple(row) for row in rows] == [("like", "like.user.id: an id is expected", 1)]


async def test_a_rotated_secret_holds_beside_the_old_one_until_that_is_dropped(service: RunningService) -> None:
    new = "whsec_" + base64.b64encode(b"n" * 32).decode()
    body = star("created", utc_now())
    async with service.service.pool.acquire() as conn, conn.transaction():
        await platforms.add_issued_secret(conn, "p-github-star", KEYS.webhook, {"secret": new})
    statuses = [(await push(service, "github-star", body, secret=secret)).status for secret in (new, SECRET)]
    assert statuses == [200, 200]
    async with service.service.pool.acquire() as conn, conn.transaction():
        assert await platforms.drop_old_keys(conn, "p-github-star") == 1
    await service.service.catalogue_cache.refresh()
    statuses = [(await push(service, "github-star", body, secret=secret)).status for secret in (new, SECRET)]
    assert statuses == [200, 401]


async def test_a_challenge_is_answered_for_the_right_token_only(service: RunningService) -> None:
    url = f"{service.url}/v1/platforms/{{}}/likes?hub.mode=subscribe&hub.challenge=77&hub.verify_token={{}}"
    expected = {
        ("p-facebook-page", SECRET): 200,
        ("p-facebook-page", "x"): 401,
        ("kuai", SECRET): 405,
        ("no", "x"): 405,
    }
    for (platform, token), status in expected.items():
        async with service.http.get(url.format(platform, token)) as response:
            assert response.status == status
            assert status != 200 or await response.text() == "77"
