"""`like-ledger person`: erase a person."""

from typing import Annotated

import typer

from ops.cli import runtime

app = typer.Typer(no_args_is_help=True, help="People: erase a person.")


@app.callback()
def people() -> None:
    """Keep `forget` a subcommand although it is the only one."""


@app.command()
def forget(
    person: Annotated[str, typer.Argument(help="The person's id at the platform, as its likes carry it.")],
    campaign: Annotated[str, typer.Option(help="The campaign's slug.")],
    platform: Annotated[str, typer.Option(help="The platform's name.")],
    as_json: runtime.AsJson = False,
) -> None:
    """Erase the link between a person and their likes in a campaign. Totals and published proofs stay valid.

    The service cannot recognise these likes any more: a like sent again counts as another person's.
    """
    likes = runtime.run_to_end(_forget_person(person, campaign, platform))
    if as_json:
        runtime.show_json({"campaign": campaign, "likes": likes})
    else:
        typer.echo(f"{campaign}: {likes} likes are no longer linked to a person")


async def _forget_person(person: str, campaign: str, platform: str) -> int:
    from campaigns.catalogue import cache, platforms
    from campaigns.errors import NotFound
    from campaigns.intake import erasure

    async with runtime.open_session() as session, session.pool.acquire() as conn, conn.transaction():
        existing = (await cache.read_campaigns(conn, session.keys.pseudonym)).get(campaign)
        if existing is None:
            raise NotFound("campaign_not_found", slug=campaign)
        await platforms.live_key_schemes(
            conn, platform
        )  # NotFound: a mistyped platform would erase nobody without a word
        return await erasure.erase_person(conn, existing, platform, person)
