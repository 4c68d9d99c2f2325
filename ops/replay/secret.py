"""The secret that signs a platform's webhooks: set, or derived with the database."""

import base64
import binascii

from campaigns.catalogue import cache
from campaigns.catalogue.cache import Platform
from campaigns.catalogue.webhook_secrets import SECRET_PREFIX, derive_secret
from campaigns.errors import RequestRefused
from ops import database, keys
from ops.migrate import require_migrated
from ops.settings import Settings

SECRET_VARIABLE = "REPLAY_SECRET"  # noqa: S105 - the variable's name


class SecretMissing(RequestRefused):
    """There is no secret to sign with."""


def parse_secret(text: str) -> bytes:
    """Return the bytes of a secret as `platform add` prints it.

    Raises SecretMissing if it is malformed.
    """
    try:
        secret = base64.b64decode(text.strip().removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not secret:
        raise SecretMissing("replay_secret_malformed", variable=SECRET_VARIABLE, prefix=SECRET_PREFIX)
    return secret


async def derive_platform_secret(settings: Settings, platform: str) -> bytes:
    """Return the secret of the platform's newest v1 key, derived as the service does.

    Raises SecretMissing if the platform does not exist or has no v1 key.
    """
    async with database.open_database(settings, role="command") as dsn:
        service_keys = keys.load_keys(settings)
        await require_migrated(dsn)
        conn = await database.connect(dsn)
        try:
            entry = (await cache.read_platforms(conn)).get(platform)
        finally:
            await conn.close()
    if entry is None:
        raise SecretMissing("replay_platform_unknown", platform=platform)
    return newest_secret(entry, service_keys.webhook)


def newest_secret(platform: Platform, webhook_key: bytes) -> bytes:
    """Return the secret of the platform's newest v1 key.

    Raises SecretMissing if it has none.
    """
    salts = [key.salt for key in platform.keys if key.salt]
    if not salts:
        raise SecretMissing("replay_platform_without_secret", platform=platform.name, variable=SECRET_VARIABLE)
    return derive_secret(webhook_key, platform.name, salts[0])
