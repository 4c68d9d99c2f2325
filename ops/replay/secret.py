"""The secret that signs a platform's webhooks: given as `whsec_…`, or derived where the database is at hand."""

import base64
import binascii

import asyncpg

from campaigns.catalogue import cache
from campaigns.catalogue.cache import Platform
from campaigns.catalogue.webhook_secrets import SECRET_PREFIX, derive_secret
from campaigns.errors import RequestRefused
from ops import database, keys
from ops.settings import Settings

SECRET_VARIABLE = "REPLAY_SECRET"  # noqa: S105 - the variable's name


class SecretMissing(RequestRefused):
    """There is no secret to sign with; the message says how to get one."""


def parse_secret(text: str) -> bytes:
    """Return the bytes of a secret as `platform add` shows it. Raises NoSecret."""
    try:
        secret = base64.b64decode(text.strip().removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not secret:
        raise SecretMissing(
            f"{SECRET_VARIABLE} holds no secret: {SECRET_PREFIX} and base64, as `platform add` showed it"
        )
    return secret


async def derive_platform_secret(settings: Settings, platform: str) -> bytes:
    """Return the secret of the platform's newest v1 key, derived as the service does. Raises NoSecret."""
    own = keys.load_keys(settings)
    async with database.open_database(settings, role="command") as dsn:
        conn = await asyncpg.connect(dsn)
        try:
            known = (await cache.read_platforms(conn)).get(platform)
        finally:
            await conn.close()
    if known is None:
        raise SecretMissing(f"there is no platform {platform}: `like-ledger platform add {platform}` makes one")
    return newest_secret(known, own.webhook)


def newest_secret(platform: Platform, webhook_key: bytes) -> bytes:
    """Return the secret of the platform's newest v1 key. Raises NoSecret."""
    salts = [key.salt for key in platform.keys if key.salt]
    if not salts:
        raise SecretMissing(f"{platform.name} signs by a key of its own (v1a): set {SECRET_VARIABLE} to a v1 secret")
    return derive_secret(webhook_key, platform.name, salts[0])
