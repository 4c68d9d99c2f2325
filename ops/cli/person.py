"""`like-ledger person`: what people may ask for."""

from typing import Annotated

import typer

from ops.cli import runtime

app = typer.Typer(no_args_is_help=True, help="People: forget one.")


@app.callback()
def people() -> None:
    """Keep `forget` a command of its own while it is the only one."""


@app.command()
def forget(
    person: Annotated[str, typer.Argument(help="The platform's own id of the person, as its likes say it.")],
    campaign: Annotated[str, typer.Option(help="The campaign's slug.")],
    platform: Annotated[str, typer.Option(help="The platform's name.")],
    as_json: runtime.AsJson = False,
) -> None:
    """Erase what links a person's likes in a campaign to them. Every total and published proof still holds.

    Their likes cannot be found again: one that is sent once more counts as somebody else's.
    """
    likes = runtime.run_to_end(_forget_person(person, campaign, platform))
    if as_json:
        runtime.show_json({"campaign": campaign, "likes": likes})
    else:
        typer.echo(f"{campaign}: {likes} likes are nobody's now")


async def _forget_person(person: str, campaign: str, platform: str) -> int:
    from campaigns.catalogue import cache, platforms
    from campaigns.errors import NotFound
    from campaigns.intake import erasure

    async with runtime.open_session() as own, own.pool.acquire() as conn, conn.transaction():
        found = (await cache.read_campaigns(conn, own.keys.pseudonym)).get(campaign)
        if found is None:
            raise NotFound(f"there is no campaign {campaign!r}")
        await platforms.live_key_schemes(
            conn, platform
        )  # NotFound: a slip of the pen would forget nobody, and say so calmly
        return await erasure.erase_person(conn, found, platform, person)
