"""`like-ledger platform`: who may send likes, and the secrets they sign with."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import shared

if TYPE_CHECKING:
    from campaigns.platforms import PlatformListed

app = typer.Typer(no_args_is_help=True, help="Platforms: who may send signed likes.")

Name = Annotated[str, typer.Argument(help="The platform's name: a-z, 0-9 and -; part of its intake address.")]
PublicKey = Annotated[
    str | None, typer.Option(help="An Ed25519 key that the platform signs by (v1a): whpk_ and base64.")
]


@app.command()
def add(name: Name, public_key: PublicKey = None, as_json: shared.AsJson = False) -> None:
    """Add a platform and print its secret, this once: no table holds it, nothing shows it again."""
    _show_secret(name, shared.run(_add(name, public_key)), as_json=as_json)


async def _add(name: str, public_key: str | None) -> str:
    from campaigns import platforms

    async with shared.opened() as own, own.pool.acquire() as conn, conn.transaction():
        return await platforms.add(conn, name, own.keys.webhook, public_key)


@app.command()
def rotate(
    name: Name,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Make no secret, but drop all keys but the newest of each scheme.")
    ] = False,
    public_key: PublicKey = None,
    as_json: shared.AsJson = False,
) -> None:
    """Print another secret for a platform; the old one holds beside it until `rotate NAME --drop-old`.

    With --public-key, that key is added instead of a secret.
    """
    if drop_old and public_key:
        raise typer.BadParameter("add the key first, then drop the old one", param_hint="--drop-old")
    if drop_old:
        dropped = shared.run(_drop_old(name))
        _tell({"platform": name, "dropped": dropped}, f"{name}: keys dropped: {dropped}", as_json=as_json)
    elif public_key:
        shared.run(_add_public_key(name, public_key))
        _tell({"platform": name, "added": "v1a"}, f"{name}: may sign by that key from now on", as_json=as_json)
    else:
        _show_secret(name, shared.run(_rotate(name)), as_json=as_json)


async def _rotate(name: str) -> str:
    from campaigns import platforms

    async with shared.opened() as own, own.pool.acquire() as conn, conn.transaction():
        return await platforms.rotate(conn, name, own.keys.webhook)


async def _add_public_key(name: str, public_key: str) -> None:
    from campaigns import platforms

    async with shared.opened() as own, own.pool.acquire() as conn, conn.transaction():
        await platforms.add_public_key(conn, name, public_key)


async def _drop_old(name: str) -> int:
    from campaigns import platforms

    async with shared.opened() as own, own.pool.acquire() as conn, conn.transaction():
        return await platforms.drop_old(conn, name)


@app.command("list")
def list_platforms(as_json: shared.AsJson = False) -> None:
    """List the platforms and the keys that hold, newest first; never a secret."""
    found = shared.run(_list())
    if as_json:
        shared.show_json({"platforms": [_shown(platform) for platform in found]})
        return
    rows = [
        (p.name, f"{p.added_at:%Y-%m-%d}", ", ".join(f"{k.scheme} since {k.added_at:%Y-%m-%d %H:%M}" for k in p.keys))
        for p in found
    ]
    shared.show_table(("platform", "added", "keys that hold"), rows)


async def _list() -> "list[PlatformListed]":
    from campaigns import platforms

    async with shared.opened() as own, own.pool.acquire() as conn:
        return await platforms.listed(conn)


def _shown(platform: "PlatformListed") -> dict[str, object]:
    keys = [{"scheme": key.scheme, "added_at": key.added_at.isoformat()} for key in platform.keys]
    return {"name": platform.name, "added_at": platform.added_at.isoformat(), "keys": keys}


def _show_secret(name: str, secret: str, *, as_json: bool) -> None:
    """Print the secret alone on standard output, so that it can be piped on; the words go to standard error."""
    if as_json:
        shared.show_json({"platform": name, "secret": secret})
        return
    typer.echo(f"The secret of {name}, shown this once: keep it safe.", err=True)
    typer.echo(secret)


def _tell(answer: dict[str, object], words: str, *, as_json: bool) -> None:
    if as_json:
        shared.show_json(answer)
    else:
        typer.echo(words)
