"""A platform sees its secret once; after a rotation, both are live until the old one is dropped."""

import asyncio
import base64
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks.webhooks import Webhook

from campaigns.catalogue import cache, platforms
from campaigns.catalogue.webhook_secrets import derive_secret
from campaigns.errors import NotFound, PlatformRefused
from campaigns.intake.signature import VerificationKey, verify_delivery
from promises import NOW, WEBHOOK_KEY, fetch_rows
from sql import Pool

SIGNING = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = "whpk_" + base64.b64encode(SIGNING.public_key().public_bytes_raw()).decode()
STAMP = str(int(NOW.timestamp()))


async def add(pool: Pool, name: str = "video", public_key: str | None = None) -> str:
    async with pool.acquire() as conn, conn.transaction():
        return await platforms.add_platform(conn, name, WEBHOOK_KEY, public_key)


async def rotate(pool: Pool, name: str = "video") -> str:
    async with pool.acquire() as conn, conn.transaction():
        return await platforms.rotate_secret(conn, name, WEBHOOK_KEY)


async def drop_old(pool: Pool, name: str = "video") -> int:
    async with pool.acquire() as conn, conn.transaction():
        return await platforms.drop_old_keys(conn, name)


async def add_public_key(pool: Pool, public_key: str, name: str = "video") -> None:
    async with pool.acquire() as conn, conn.transaction():
        await platforms.add_public_key(conn, name, public_key)


async def keys(pool: Pool, name: str = "video") -> list[VerificationKey]:
    """Return the platform's keys as intake uses them."""
    async with pool.acquire() as conn:
        platform = (await cache.read_platforms(conn))[name]
    return [
        VerificationKey(key.scheme, key.public_key or derive_secret(WEBHOOK_KEY, name, key.salt or b""))
        for key in platform.keys
    ]


async def are_live(pool: Pool, secrets: Sequence[str]) -> list[bool]:
    """Return for each secret whether a webhook signed with it (by the reference library) counts."""
    live, body = await keys(pool), "{}"
    signatures = [Webhook(secret).sign("msg_1", NOW, body) for secret in secrets]
    headers = {"webhook-id": "msg_1", "webhook-timestamp": STAMP}
    return [
        verify_delivery(headers | {"webhook-signature": s}, body.encode(), live, NOW) is not None for s in signatures
    ]


async def test_a_platform_signs_with_the_secret_it_was_shown(pool: Pool):
    secret = await add(pool)
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert await are_live(pool, [secret, "whsec_" + base64.b64encode(bytes(32)).decode()]) == [True, False]


async def test_two_secrets_are_live_after_a_rotation_until_the_old_one_is_dropped(pool: Pool):
    first = await add(pool)
    second = await rotate(pool)
    assert await are_live(pool, [first, second]) == [True, True]
    assert await drop_old(pool) == 1
    assert await are_live(pool, [first, second]) == [False, True]
    assert await drop_old(pool) == 0


async def test_no_secret_is_stored(pool: Pool):
    raw = base64.b64decode((await add(pool)).removeprefix("whsec_"))
    stored = await fetch_rows(pool, "SELECT salt, public_key FROM platform_keys")
    assert all(raw not in (row["salt"], row["public_key"]) for row in stored)


async def test_a_platform_may_sign_with_its_private_key_beside_its_secret(pool: Pool):
    secret = await add(pool, public_key=PUBLIC)
    signed = base64.b64encode(SIGNING.sign(f"msg_1.{STAMP}.".encode() + b"{}")).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": STAMP, "webhook-signature": f"v1a,{signed}"}
    assert verify_delivery(headers, b"{}", await keys(pool), NOW) is not None
    assert await are_live(pool, [secret]) == [True]


async def test_of_each_scheme_the_newest_key_is_kept(pool: Pool):
    await add(pool, public_key="whpk_" + base64.b64encode(bytes(32)).decode())
    await add_public_key(pool, PUBLIC)
    newest = await rotate(pool)
    assert await drop_old(pool) == 2
    assert sorted(key.scheme for key in await keys(pool)) == ["v1", "v1a"]
    assert await are_live(pool, [newest]) == [True]


async def test_a_name_that_is_no_slug_is_refused(pool: Pool):
    for name in ("", "Video", "-a", "a b", "a/b", "a\n", "视频", "a" * 64):
        with pytest.raises(PlatformRefused, match=r"^platform_name_malformed$"):
            await add(pool, name)


MALFORMED_KEYS = [
    "",
    "whpk_",
    PUBLIC.removeprefix("whpk_"),
    PUBLIC[:-4],
    "whpk_é",
    PUBLIC + "=",
    f"whpk_ {PUBLIC[5:]}",
]


async def test_a_malformed_public_key_is_refused(pool: Pool):
    await add(pool)
    for key in MALFORMED_KEYS:
        with pytest.raises(PlatformRefused, match=r"^public_key_malformed: prefix=whpk_, key_bytes=32$"):
            await add_public_key(pool, key)


async def test_of_many_that_add_a_name_at_once_only_the_first_does(pool: Pool):
    results = await asyncio.gather(*(add(pool) for _ in range(5)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["PlatformRefused"] * 4 + ["str"]


async def test_an_unknown_platform_is_not_found(pool: Pool):
    for attempt in (rotate(pool, "nobody"), drop_old(pool, "nobody"), add_public_key(pool, PUBLIC, "nobody")):
        with pytest.raises(NotFound, match=r"^platform_not_found: name=nobody$"):
            await attempt


async def test_platforms_are_listed_with_their_keys_and_no_secret(pool: Pool):
    await add(pool)
    await add(pool, "second", PUBLIC)
    await rotate(pool)
    async with pool.acquire() as conn:
        listed = await platforms.list_platforms(conn)
    assert [(p.name, [k.scheme for k in p.keys]) for p in listed] == [
        ("second", ["v1", "v1a"]),
        ("video", ["v1", "v1"]),
    ]


async def test_a_platform_has_a_bounded_number_of_keys(pool: Pool):
    await add(pool)
    for _ in range(platforms.KEYS_MAX - 1):
        await rotate(pool)
    for attempt in (rotate(pool), add_public_key(pool, PUBLIC)):
        with pytest.raises(PlatformRefused, match=r"^platform_keys_at_most: most_number=10$"):
            await attempt
    assert await drop_old(pool) == platforms.KEYS_MAX - 1
    await rotate(pool)
