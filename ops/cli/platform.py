"""`like-ledger platform`: the senders of likes and their signing secrets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from campaigns.catalogue.platforms import PlatformSummary
    from campaigns.intake.unread_events import UnreadPart

app = typer.Typer(no_args_is_help=True, help="Platforms: the senders of signed likes.")

Name = Annotated[str, typer.Argument(help="The platform's name: a-z, 0-9 and -. It is part of the intake address.")]
PublicKey = Annotated[
    str | None, typer.Option(help="The Ed25519 key that the platform signs with (v1a): whpk_ and base64.")
]


SecretFile = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        readable=True,
        help="JSON file with the secret that the platform issued; `platform kinds` lists its members.",
    ),
]


@app.command()
def add(
    name: Name,
    public_key: PublicKey = None,
    kind: Annotated[
        str, typer.Option(help="How the platform signs and writes its likes; `platform kinds` lists the kinds.")
    ] = "standard",
    secret_file: SecretFile = None,
    reactions: Annotated[
        str | None, typer.Option(help="Which reactions count, parted by commas; default: those of the kind.")
    ] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Add a platform. Print its secret once, unless the platform issues it: then --secret-file gives it."""
    body: dict[str, object] = {"name": name, "public_key": public_key, "kind": kind}
    body |= {"issued": _read_secret_file(secret_file)} if secret_file else {}
    body |= {"reactions": [text.strip() for text in reactions.split(",")]} if reactions else {}
    response = runtime.execute("platform.add", "", body)
    if response.get("secret") is None:
        _print_result({"platform": name, "kind": kind}, f"{name}: added, of the kind {kind}", as_json=as_json)
    else:
        _show_secret(name, response["secret"], as_json=as_json)


@app.command()
def rotate(
    name: Name,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Drop all keys except the newest of each scheme; create none.")
    ] = False,
    public_key: PublicKey = None,
    secret_file: SecretFile = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Print a new secret for a platform. The old one stays valid until `rotate NAME --drop-old`.

    With --public-key or --secret-file, add that key or secret instead.
    """
    if drop_old and (public_key or secret_file):
        raise typer.BadParameter("add the new one first, then drop the old one", param_hint="--drop-old")
    if drop_old:
        response = runtime.execute("platform.drop-old", name)
        dropped = len((response["before"] or {})["keys"]) - len((response["after"] or {})["keys"])
        _print_result({"platform": name, "dropped": dropped}, f"{name}: keys dropped: {dropped}", as_json=as_json)
    elif public_key:
        runtime.execute("platform.key", name, {"public_key": public_key})
        _print_result(
            {"platform": name, "added": "v1a"}, f"{name}: may sign with that key from now on", as_json=as_json
        )
    elif secret_file:
        runtime.execute("platform.issued", name, {"issued": _read_secret_file(secret_file)})
        _print_result(
            {"platform": name, "added": "sealed"}, f"{name}: may sign with that secret from now on", as_json=as_json
        )
    else:
        _show_secret(name, runtime.execute("platform.rotate", name)["secret"], as_json=as_json)


def _read_secret_file(file: Path) -> dict[str, str]:
    """Return the members of a secret file; an error names the file, never what is in it."""
    import orjson

    try:
        values = orjson.loads(file.read_bytes())
    except ValueError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise typer.BadParameter(f'{file} is not a JSON object of texts, such as {{"secret": "…"}}')
    return values


@app.command()
def kinds(as_json: runtime.AsJson = False) -> None:
    """List the kinds of platforms: what each needs, where to set it up, and what it cannot tell."""
    from campaigns.intake.kinds.registry import KINDS

    rows = [
        {
            "kind": kind.name,
            "secrets": list(kind.secrets),
            "ack_seconds": kind.ack_seconds,
            "reactions": list(kind.reactions),
            "setup": dict(kind.setup),
            "limits": dict(kind.limits),
        }
        for kind in KINDS.values()
    ]
    if as_json:
        printing.show_json({"kinds": rows})
        return
    typer.echo("standard: signed as Standard Webhooks; `platform add NAME` prints its secret")
    for kind in KINDS.values():
        counted = f"; counts: {', '.join(kind.reactions)}" if kind.reactions else ""
        typer.echo(f"\n{kind.name}: secret file with {', '.join(kind.secrets)}{counted}")
        typer.echo(f"  {kind.setup['en']}\n  {kind.limits['en']}")


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
        printing.show_json({"platforms": [_platform_json(platform) for platform in platforms_found]})
        return
    rows = [(p.name, p.kind, f"{p.added_at:%Y-%m-%d}", *_key_columns(p)) for p in platforms_found]
    printing.show_table(("platform", "kind", "added", "live keys", "last used"), rows)


async def _list() -> "list[PlatformSummary]":
    from campaigns.catalogue import platforms

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        return await platforms.list_platforms(conn)


@app.command()
def unread(name: Name, as_json: runtime.AsJson = False) -> None:
    """List what could not be read of a platform's deliveries: where and why, never a value."""
    parts = runtime.run_to_end(_list_unread(name))
    if as_json:
        printing.show_json({"unread": [part._asdict() for part in parts]})
        return
    rows = [
        (p.event, p.reason, f"{p.times:,}", f"{p.first_at:%Y-%m-%d %H:%M}", f"{p.last_at:%Y-%m-%d %H:%M}")
        for p in parts
    ]
    printing.show_table(("event", "reason", "times", "first", "last"), rows)


async def _list_unread(name: str) -> "list[UnreadPart]":
    from campaigns.catalogue import platforms
    from campaigns.intake.unread_events import list_unread_parts

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        await platforms.find_kind(conn, name)
        return await list_unread_parts(conn, name)


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
        printing.show_json({"platform": name, "secret": secret})
        return
    typer.echo(f"The secret of {name}, printed only once. Store it safely.", err=True)
    typer.echo(secret)


def _print_result(result: dict[str, object], sentence: str, *, as_json: bool) -> None:
    if as_json:
        printing.show_json(result)
    else:
        typer.echo(sentence)
