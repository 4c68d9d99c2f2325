"""`like-ledger rules apply|show|list|diff`: the versions of a campaign's rules."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from campaigns.authenticity.diff import RulesetChange
    from campaigns.authenticity.ruleset import Ruleset
    from campaigns.catalogue.rulesets import StoredRuleset
    from ops.admin.core.execute import CommandResponse

Slug = Annotated[str, typer.Argument(help="The campaign's slug.")]


def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The ruleset, in TOML.")],
    campaign: Annotated[str, typer.Option(help="The campaign's slug.")],
    person: runtime.AsPerson = None,
    token: runtime.Token = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the difference and stop there.")] = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Give a campaign another version of its rules. Prints the difference; the same version changes nothing."""
    response = runtime.run_to_end(_apply(file, campaign, person, token, dry_run=dry_run))
    if as_json:
        printing.show_json(response)
        return
    _show_differences(response)
    version = response["details"]["version"]
    if response["state"] == "pending":
        waits = f": {response['proposal']}" if response["proposal"] else ""
        typer.echo(f"a second person must approve ({response['approval_reason']}){waits}")
    elif response["state"] == "unchanged":
        typer.echo(f"{campaign} already has version {version}; nothing changed")
    else:
        typer.echo(f"version {version} {'would apply' if dry_run else 'applies'} to {campaign}")


async def _apply(
    file: Path, campaign: str, person: str | None, token: str | None, *, dry_run: bool
) -> "CommandResponse":
    from campaigns.authenticity.ruleset import parse_ruleset
    from campaigns.promise.toml_file import FILE_BYTES_MAX
    from ops.admin.resources.rulesets import REVIEWERS

    with file.open("rb") as stream:
        content = stream.read(FILE_BYTES_MAX + 1)
    parse_ruleset(content)  # a file that is not UTF-8 is refused with its line
    proof = runtime.prompt_token(person, token)
    async with runtime.open_session(person, proof, roles=REVIEWERS | {"owner"}) as session:
        body = {"campaign": campaign, "file": content.decode()}
        return await session.execute("rules.apply", "", body, dry_run=dry_run)


def _show_differences(response: "CommandResponse") -> None:
    effects = response["details"]["effects"]
    for change in response["differences"]:
        effect = effects.get(change["path"], "none")
        says = "" if effect == "none" else f"  ({'looser or stricter' if effect == 'either' else effect})"
        typer.echo(f"{change['path']}: {change['before']} → {change['after']}{says}")


def list_versions(slug: Slug, as_json: runtime.AsJson = False) -> None:
    """List the versions of a campaign's rules, newest first."""
    stored = runtime.run_to_end(_read_versions(slug))
    if as_json:
        printing.show_json({"campaign": slug, "versions": [_version_json(version) for version in stored]})
        return
    rows = [
        (
            str(version.version),
            version.sha256.hex()[:16],
            version.live_from.isoformat()[:19] if version.live_from else "observes only",
            version.applied_by,
            version.ruleset.ruleset.reason.en,
        )
        for version in stored
    ]
    printing.show_table(("version", "salted sha256", "live from", "applied by", "reason"), rows)


def show(
    slug: Slug,
    version: Annotated[int | None, typer.Option(min=1, help="Default: the newest version.")] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Write the file of a version of a campaign's rules, as it was applied."""
    stored = runtime.run_to_end(_read_version(slug, version))
    if as_json:
        printing.show_json(_version_json(stored) | {"file": stored.file.decode("utf-8-sig")})
        return
    typer.echo(stored.file.decode("utf-8-sig"), nl=False)


def diff(
    slug: Slug,
    before: Annotated[str, typer.Argument(metavar="FILE|V1", help="A file, compared with the newest; or a version.")],
    after: Annotated[
        int | None, typer.Argument(metavar="[V2]", min=1, help="The version to compare with V1.")
    ] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Show what a file would change in a campaign's rules, or what changed from one version to another."""
    changes = runtime.run_to_end(_diff(slug, before, after))
    rows = [(c.change.path, str(c.change.before), str(c.change.after), c.effect) for c in changes]
    columns = ("path", "before", "after", "effect")
    if as_json:
        printing.show_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif rows:
        printing.show_table(columns, rows)
    else:
        typer.echo("nothing differs")


async def _diff(slug: str, before: str, after: int | None) -> "list[RulesetChange]":
    from campaigns.authenticity.diff import diff_rulesets

    if after is not None:
        if not (before.isascii() and before.isdigit()):
            raise typer.BadParameter("V1 and V2 are numbers of versions", param_hint="V1")
        old = (await _read_version(slug, int(before))).ruleset
        return diff_rulesets(old, (await _read_version(slug, after)).ruleset)
    new = _read_file(Path(before))
    stored = await _read_versions(slug)
    return diff_rulesets(stored[0].ruleset if stored else None, new)


def _read_file(file: Path) -> "Ruleset":
    from campaigns.authenticity.ruleset import parse_ruleset
    from campaigns.promise.toml_file import FILE_BYTES_MAX

    if not file.is_file():
        raise typer.BadParameter(f"there is no file {file}", param_hint="FILE")
    with file.open("rb") as stream:
        return parse_ruleset(stream.read(FILE_BYTES_MAX + 1))


async def _read_versions(slug: str) -> "list[StoredRuleset]":
    from campaigns.catalogue import cache, rulesets
    from campaigns.errors import NotFound, printable

    async with runtime.open_session() as session, session.pool.acquire() as conn:
        campaign = (await cache.read_campaigns(conn, session.keys.pseudonym)).get(slug)
        if campaign is None:
            raise NotFound("campaign_not_found", slug=printable(slug))
        return await rulesets.list_rulesets(conn, campaign.campaign_id)


async def _read_version(slug: str, number: int | None) -> "StoredRuleset":
    from campaigns.errors import NotFound, printable

    for stored in await _read_versions(slug):
        if number in (None, stored.version):
            return stored
    raise NotFound("ruleset_not_found", slug=printable(slug))


def _version_json(stored: "StoredRuleset") -> dict[str, object]:
    return {
        "version": stored.version,
        "sha256": stored.sha256.hex(),
        "families": stored.ruleset.families,
        "reason": stored.ruleset.ruleset.reason.model_dump(),
        "applied_by": stored.applied_by,
        "applied_at": stored.applied_at.isoformat(),
        "live_from": stored.live_from.isoformat() if stored.live_from else None,
    }
