"""`like-ledger platform`: the senders of likes and their signing secrets."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import runtime

if TYPE_CHECKING:
    from campaigns.catalogue.platforms import PlatformSummary

app = typer.Typer(no_args_is_help=True, help="Platforms: the senders of signed likes.")

Name = Annotated[str, typer.Argument(help="The platform's name: a-z, 0-9 and -. It is part of the intake address.")]
PublicKey = Annotated[
    str | None, typer.Option(help="The Ed25519 key that the platform signs with (v1a): whpk_ and base64.")
]


@app.command()
def add(name: Name, public_key: PublicKey = None, as_json: runtime.AsJson = False) -> None:
    """Add a platform and print its secret once. No table stores it; it cannot be shown again."""
    response = runtime.execute("platform.add", "", {"name": name, "public_key": public_key})
    _show_secret(name, response["secret"], as_json=as_json)


@app.command()
def rotate(
    name: Name,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Drop all keys except the newest of each scheme; create none.")
    ] = False,
    public_key: PublicKey = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Print a new secret for a platform. The old one stays valid until `rotate NAME --drop-old`.

    With --public-key, add that key instead of a new secret.
    """
    if drop_old and public_key:
        raise typer.BadParameter("add the key first, then drop the old one", param_hint="--drop-old")
    if drop_old:
        response = runtime.execute("platform.drop-old", name)
        dropped = len((response["before"] or {})["keys"]) - len((response["after"] or {})["keys"])
        _print_result({"platform": name, "dropped": dropped}, f"{name}: keys dropped: {dropped}", as_json=as_json)
    elif public_key:
        runtime.execute("platform.key", name, {"public_key": public_key})
        _print_result(
            {"platform": name, "added": "v1a"}, f"{name}: may sign with that key from now on", as_json=as_json
        )
    else:
        _show_secret(name, runtime.execute("platform.rotate", name)["secret"], as_json=as_json)


@app.command()
def disable(name: Name, as_json: runtime.AsJson = False) -> None:
    """Disable a platform: its deliveries get the answer of an unknown platform."""
    runtime.execute("platform.disable", name)
    _print_result({"platform": name, "is_disabled": True}, f"{name}: disabled", as_json=as_json)


@app.command()
def enable(name: Name, as_json: runtime.AsJson = False) -> None:
    """Re-enable a platform."""
    runtime.execute("platform.enable", name)
    _print_result({"platform": name, "is_disabled": False}, f"{name}: enabled", as_json=as_json)


@app.command("list")
def list_platforms(as_json: runtime.AsJson = False) -> None:
    """List platforms with their live keys, newest first, and when each key was last used. Shows no secret."""
    platforms_found = runtime.run_to_end(_list())
    if as_json:
        runtime.show_json({"platforms": [_platform_json(platform) for platform in platforms_found]})
        return
    rows = [(p.name, f"{p.added_at:%Y-%m-%d}", *_key_columns(p)) for p in platforms_found]
    runtime.show_table(("platform", "added", "live keys", "last used"), rows)


async def _list() -> "list[PlatformSummary]":
    from campaigns.catalogue import platforms

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        return await platforms.list_platforms(conn)


def _key_columns(platform: "PlatformSummary") -> tuple[str, str]:
    """Return two cells: the keys, a line each, and when each was last used."""
    since = [f"{key.scheme} since {key.added_at:%Y-%m-%d %H:%M}" for key in platform.keys]
    used = [f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never" for key in platform.keys]
    disabled = [f"disabled since {platform.disabled_at:%Y-%m-%d %H:%M}"] if platform.disabled_at else []
    return "\n".join(disabled + since), "\n".join([""] * len(disabled) + used)


def _platform_json(platform: "PlatformSummary") -> dict[str, object]:
    from ops.admin.resources import platforms

    view = platforms.platform_view(platform)
    return {"name": view["platform"], **{name: value for name, value in view.items() if name != "platform"}}


def _show_secret(name: str, secret: str, *, as_json: bool) -> None:
    """Print the secret alone on standard output, for pipes; the explanation goes to standard error."""
    if as_json:
        runtime.show_json({"platform": name, "secret": secret})
        return
    typer.echo(f"The secret of {name}, printed only once. Store it safely.", err=True)
    typer.echo(secret)


def _print_result(result: dict[str, object], sentence: str, *, as_json: bool) -> None:
    if as_json:
        runtime.show_json(result)
    else:
        typer.echo(sentence)
