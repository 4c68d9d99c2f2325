"""Platforms: the senders of likes, their signing keys, and when each key was last used."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from campaigns.catalogue import cache, platforms
from campaigns.catalogue.cache import STANDARD_KIND
from campaigns.catalogue.platforms import PlatformSummary
from campaigns.errors import PlatformRefused
from campaigns.intake.kinds.model import Kind
from campaigns.intake.kinds.registry import KINDS
from campaigns.promise.model import Slug
from ops.admin.core.actor import ROLES, Role
from ops.admin.core.command import Command, CommandBody, CommandContext, CommandResult, EmptyBody
from ops.admin.core.pagination import ListEndpoint, ListQuery, parse_name

_OWNER_ONLY: frozenset[Role] = frozenset()
_EXAMPLE_KEY = "whpk_O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik="

PublicKey = Annotated[
    str, Field(pattern=r"^whpk_[A-Za-z0-9+/]{43}=$", description="Ed25519, as Standard Webhooks writes it (v1a)")
]


_VALUE_CHARS_MAX = 500


def _parse_typed_json(value: Any) -> Any:
    """Return the object in a text that a person typed into a form; other values unchanged."""
    try:
        return orjson.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


IssuedSecret = Annotated[
    dict[str, str],
    BeforeValidator(_parse_typed_json),
    Field(
        max_length=10,
        description="what the platform issued: `secret`, and what else its kind asks for; never shown again",
        json_schema_extra={"writeOnly": True},
    ),
]
Reactions = Annotated[list[Annotated[str, Field(min_length=1, max_length=60)]], Field(min_length=1, max_length=50)]


class NewPlatform(CommandBody):
    """A new sender of likes."""

    name: Annotated[Slug, Field(description="part of its intake address")]
    public_key: PublicKey | None = None
    kind: Annotated[str, Field(max_length=60, description="how it signs and writes its likes")] = STANDARD_KIND
    issued: IssuedSecret | None = None
    reactions: Annotated[Reactions | None, Field(description="those that count; default: those of its kind")] = None


class NewIssuedSecret(CommandBody):
    """A secret that the platform issued, besides its older ones."""

    issued: IssuedSecret


class NewPublicKey(CommandBody):
    """A public key of the platform, besides its secret."""

    public_key: PublicKey


async def _key_schemes(context: CommandContext, name: str) -> dict[str, Any]:
    return {"keys": await platforms.live_key_schemes(context.conn, name)}


async def _add(context: CommandContext, _: str, body: NewPlatform) -> CommandResult:
    if body.kind != STANDARD_KIND:
        return await _add_of_kind(context, body)
    if body.issued is not None:
        raise PlatformRefused("platform_secret_is_ours", name=body.name)
    if body.reactions is not None:
        raise PlatformRefused("platform_reactions_unsupported", kind=body.kind)
    secret = await platforms.add_platform(context.conn, body.name, context.keys.webhook, body.public_key)
    after = {"name": body.name, **await _key_schemes(context, body.name)}
    return CommandResult(f"platform/{body.name}", None, after, secret=secret)


async def _add_of_kind(context: CommandContext, body: NewPlatform) -> CommandResult:
    kind = _find_kind(body.kind)
    values = _check_issued(kind, body.issued)
    if body.reactions is not None and not kind.reactions:
        raise PlatformRefused("platform_reactions_unsupported", kind=kind.name)
    await platforms.add_platform_of_kind(
        context.conn, body.name, context.keys.webhook, kind.name, values, body.reactions
    )
    after = {"name": body.name, "kind": kind.name, **await _key_schemes(context, body.name)}
    return CommandResult(f"platform/{body.name}", None, after)


def _find_kind(name: str) -> Kind:
    if name not in KINDS:
        raise PlatformRefused("platform_kind_unknown", kind=name, kinds=[STANDARD_KIND, *KINDS])
    return KINDS[name]


def _check_issued(kind: Kind, values: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the values of an issued secret.

    Raises PlatformRefused unless they are those that the kind asks for; it names them, not their content.
    """
    is_complete = values is not None and values.keys() == set(kind.secrets)
    if values is None or not is_complete or not all(1 <= len(v) <= _VALUE_CHARS_MAX for v in values.values()):
        raise PlatformRefused("platform_secret_values_differ", kind=kind.name, names=list(kind.secrets))
    return values


async def _add_issued(context: CommandContext, name: str, body: NewIssuedSecret) -> CommandResult:
    await cache.lock_and_bump_version(context.conn)
    before = await _key_schemes(context, name)
    kind = await platforms.find_kind(context.conn, name)
    values = body.issued if kind == STANDARD_KIND else _check_issued(_find_kind(kind), body.issued)
    await platforms.add_issued_secret(context.conn, name, context.keys.webhook, values)
    return CommandResult(f"platform/{name}", before, await _key_schemes(context, name))


async def _rotate(context: CommandContext, name: str, _: EmptyBody) -> CommandResult:
    await cache.lock_and_bump_version(context.conn)
    before = await _key_schemes(context, name)
    secret = await platforms.rotate_secret(context.conn, name, context.keys.webhook)
    return CommandResult(f"platform/{name}", before, await _key_schemes(context, name), secret=secret)


async def _add_key(context: CommandContext, name: str, body: NewPublicKey) -> CommandResult:
    await cache.lock_and_bump_version(context.conn)
    before = await _key_schemes(context, name)
    await platforms.add_public_key(context.conn, name, body.public_key)
    return CommandResult(f"platform/{name}", before, await _key_schemes(context, name))


async def _drop_old(context: CommandContext, name: str, _: EmptyBody) -> CommandResult:
    await cache.lock_and_bump_version(context.conn)
    before = await _key_schemes(context, name)
    await platforms.drop_old_keys(context.conn, name)
    return CommandResult(f"platform/{name}", before, await _key_schemes(context, name))


async def _disable(context: CommandContext, name: str, _: EmptyBody) -> CommandResult:
    was_disabled = await platforms.set_disabled_at(context.conn, name, context.now)
    return CommandResult(f"platform/{name}", {"is_disabled": was_disabled}, {"is_disabled": True})


async def _enable(context: CommandContext, name: str, _: EmptyBody) -> CommandResult:
    was_disabled = await platforms.set_disabled_at(context.conn, name, None)
    return CommandResult(f"platform/{name}", {"is_disabled": was_disabled}, {"is_disabled": False})


class PlatformKeyView(TypedDict):
    """A valid key, without the key itself."""

    scheme: str
    added_at: str
    last_used_at: Annotated[
        str | None,
        Field(
            description="when it last verified a delivery that no newer key of its scheme did; up to a minute late"
        ),
    ]


class PlatformView(TypedDict):
    """A platform with its keys, newest first."""

    platform: str
    kind: str
    reactions: Annotated[list[str], Field(description="which reactions count; empty: it has one kind of like")]
    added_at: str
    is_disabled: bool
    disabled_at: str | None
    keys: list[PlatformKeyView]


def platform_view(platform: PlatformSummary) -> PlatformView:
    """Return a platform as JSON. Pure."""
    return {
        "platform": platform.name,
        "kind": platform.kind,
        "reactions": _list_reactions(platform),
        "added_at": platform.added_at.isoformat(),
        "is_disabled": platform.disabled_at is not None,
        "disabled_at": platform.disabled_at.isoformat() if platform.disabled_at else None,
        "keys": [
            {
                "scheme": key.scheme,
                "added_at": key.added_at.isoformat(),
                "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
            }
            for key in platform.keys
        ],
    }


def _list_reactions(platform: PlatformSummary) -> list[str]:
    if platform.reactions is not None:
        return list(platform.reactions)
    kind = KINDS.get(platform.kind)
    return list(kind.reactions) if kind else []


async def _list(context: CommandContext, list_query: ListQuery) -> list[Mapping[str, Any]]:
    (after,) = list_query.after or (None,)
    page = await platforms.list_platforms(context.conn, after, list_query.limit)
    return [platform_view(platform) for platform in page]


PLATFORMS = ListEndpoint(
    "platforms",
    "/platforms",
    "The platforms and their valid keys: when added, when last used; never a secret",
    frozenset(ROLES),
    {},
    _list,
    lambda row: (row["platform"],),
    (parse_name,),
    PlatformView,
)

_PATH = "/platforms/{platform}"

COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "platform.add",
        "/platforms",
        "Add a platform; only this response shows its secret",
        _OWNER_ONLY,
        NewPlatform,
        _add,
        example={"name": "short-videos"},
    ),
    Command(
        "platform.rotate",
        f"{_PATH}/rotate",
        "Add a new secret, shown only in this response; the old one stays valid until it is dropped",
        _OWNER_ONLY,
        EmptyBody,
        _rotate,
    ),
    Command(
        "platform.issued",
        f"{_PATH}/issued-secrets",
        "Add a secret that the platform issued; the old one stays valid until it is dropped",
        _OWNER_ONLY,
        NewIssuedSecret,
        _add_issued,
        example={"issued": {"secret": "from-the-platform"}},
    ),
    Command(
        "platform.key",
        f"{_PATH}/keys",
        "Accept signatures of a platform's Ed25519 key",
        _OWNER_ONLY,
        NewPublicKey,
        _add_key,
        example={"public_key": _EXAMPLE_KEY},
    ),
    Command(
        "platform.drop-old",
        f"{_PATH}/drop-old",
        "Drop all but the newest key of each scheme; first check when the others were last used",
        _OWNER_ONLY,
        EmptyBody,
        _drop_old,
    ),
    Command(
        "platform.disable",
        f"{_PATH}/disable",
        "Disable a platform: its deliveries are refused like those of an unknown one",
        _OWNER_ONLY,
        EmptyBody,
        _disable,
    ),
    Command(
        "platform.enable",
        f"{_PATH}/enable",
        "Re-enable a platform",
        _OWNER_ONLY,
        EmptyBody,
        _enable,
    ),
)
