"""Commands about platforms: who may send signed likes, the keys that they sign by, and when each was last used."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from campaigns.catalogue import cache, platforms
from campaigns.catalogue.platforms import PlatformListed
from campaigns.promise.model import Slug
from ops.admin.core.actor import ROLES, Role
from ops.admin.core.command import Asked, Command, Desk, Done, Nothing
from ops.admin.core.pagination import Listing, Query, name

_OWNER: frozenset[Role] = frozenset()
_EXAMPLE_KEY = "whpk_O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik="

PublicKey = Annotated[
    str, Field(pattern=r"^whpk_[A-Za-z0-9+/]{43}=$", description="Ed25519, as Standard Webhooks writes it (v1a)")
]


class NewPlatform(Asked):
    """Who is to send likes."""

    name: Annotated[Slug, Field(description="part of its intake address")]
    public_key: PublicKey | None = None


class NewKey(Asked):
    """A key of the platform's own, beside its secret."""

    public_key: PublicKey


async def _keys(desk: Desk, name: str) -> dict[str, Any]:
    return {"keys": await platforms.schemes(desk.conn, name)}


async def _add(desk: Desk, _: str, asked: NewPlatform) -> Done:
    secret = await platforms.add(desk.conn, asked.name, desk.keys.webhook, asked.public_key)
    after = {"name": asked.name, **await _keys(desk, asked.name)}
    return Done(f"platform/{asked.name}", None, after, secret=secret)


async def _rotate(desk: Desk, name: str, _: Nothing) -> Done:
    await cache.change(desk.conn)
    before = await _keys(desk, name)
    secret = await platforms.rotate(desk.conn, name, desk.keys.webhook)
    return Done(f"platform/{name}", before, await _keys(desk, name), secret=secret)


async def _add_key(desk: Desk, name: str, asked: NewKey) -> Done:
    await cache.change(desk.conn)
    before = await _keys(desk, name)
    await platforms.add_public_key(desk.conn, name, asked.public_key)
    return Done(f"platform/{name}", before, await _keys(desk, name))


async def _drop_old(desk: Desk, name: str, _: Nothing) -> Done:
    await cache.change(desk.conn)
    before = await _keys(desk, name)
    await platforms.drop_old(desk.conn, name)
    return Done(f"platform/{name}", before, await _keys(desk, name))


async def _disable(desk: Desk, name: str, _: Nothing) -> Done:
    was = await platforms.disable(desk.conn, name, desk.now)
    return Done(f"platform/{name}", {"is_disabled": was}, {"is_disabled": True})


async def _enable(desk: Desk, name: str, _: Nothing) -> Done:
    was = await platforms.disable(desk.conn, name, None)
    return Done(f"platform/{name}", {"is_disabled": was}, {"is_disabled": False})


class ShownKey(TypedDict):
    """A key that holds; nothing of the key itself."""

    scheme: str
    added_at: str
    last_used_at: Annotated[
        str | None,
        Field(description="verified a delivery that no newer key of its scheme did; a minute late at most"),
    ]


class ShownPlatform(TypedDict):
    """A platform and its keys, newest first."""

    platform: str
    added_at: str
    is_disabled: bool
    disabled_at: str | None
    keys: list[ShownKey]


def shown(own: PlatformListed) -> ShownPlatform:
    """Return a platform as it is shown."""
    return {
        "platform": own.name,
        "added_at": own.added_at.isoformat(),
        "is_disabled": own.disabled_at is not None,
        "disabled_at": own.disabled_at.isoformat() if own.disabled_at else None,
        "keys": [
            {
                "scheme": key.scheme,
                "added_at": key.added_at.isoformat(),
                "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
            }
            for key in own.keys
        ],
    }


async def _list(desk: Desk, asked: Query) -> list[Mapping[str, Any]]:
    (after,) = asked.after or (None,)
    return [shown(own) for own in await platforms.listed(desk.conn, after, asked.limit)]


PLATFORMS = Listing(
    "platforms",
    "/platforms",
    "The platforms and the keys that hold: since when, and when last used; never a secret",
    frozenset(ROLES),
    {},
    _list,
    lambda row: (row["platform"],),
    (name,),
    ShownPlatform,
)

_PLACE = "/platforms/{platform}"

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "platform.add",
        "/platforms",
        "Add a platform; its secret is in the answer, this once",
        _OWNER,
        NewPlatform,
        _add,
        example={"name": "short-videos"},
    ),
    Command(
        "platform.rotate",
        f"{_PLACE}/rotate",
        "Give a platform another secret, in the answer, this once; the old one holds beside it until it is dropped",
        _OWNER,
        Nothing,
        _rotate,
    ),
    Command(
        "platform.key",
        f"{_PLACE}/keys",
        "Let a platform sign by an Ed25519 key of its own",
        _OWNER,
        NewKey,
        _add_key,
        example={"public_key": _EXAMPLE_KEY},
    ),
    Command(
        "platform.drop-old",
        f"{_PLACE}/drop-old",
        "Let only the newest key of each scheme hold; look at when the others were last used first",
        _OWNER,
        Nothing,
        _drop_old,
    ),
    Command(
        "platform.disable",
        f"{_PLACE}/disable",
        "Refuse a platform's deliveries like those of one that nobody knows",
        _OWNER,
        Nothing,
        _disable,
    ),
    Command(
        "platform.enable",
        f"{_PLACE}/enable",
        "Take a disabled platform's deliveries again",
        _OWNER,
        Nothing,
        _enable,
    ),
)
