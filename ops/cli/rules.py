"""`like-ledger rules`: check rulesets of authenticity. Those of campaigns: `rules_versions`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import printing, rules_versions, runtime

if TYPE_CHECKING:
    from campaigns.authenticity.ruleset import Ruleset

app = typer.Typer(no_args_is_help=True, help="The rules of authenticity: files with versions.")
app.command()(rules_versions.apply)
app.command()(rules_versions.show)
app.command("list")(rules_versions.list_versions)
app.command()(rules_versions.diff)


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="The ruleset (TOML). Default: the one that ships.")
    ] = None,
    as_json: runtime.AsJson = False,
) -> None:
    """Check a ruleset without a database: print version, rules and hash, or each fault with its path."""
    with runtime.exit_on_refusal():
        ruleset = read_ruleset(file)
    if as_json:
        printing.show_json(_ruleset_json(ruleset))
        return
    typer.echo(f"version {ruleset.ruleset.version}: {ruleset.ruleset.reason.en}")
    typer.echo(f"sha256 of the canonical form: {_hash(ruleset)}")
    rows = [(rule.id, rule.kind_name, rule.family, rule.stage, rule.mode, rule.established) for rule in ruleset.rules]
    printing.show_table(("rule", "kind", "family", "stage", "mode", "established people"), rows)


@app.command()
def default(
    file: Annotated[Path | None, typer.Argument(dir_okay=False, help="The file. Default: standard output.")] = None,
) -> None:
    """Write the ruleset that ships: a start for rules of your own."""
    from campaigns.authenticity.ruleset import default_file

    with runtime.exit_on_refusal():
        if file is None:
            typer.echo(default_file().decode(), nl=False)
            return
        with file.open("xb") as stream:
            stream.write(default_file())


def read_ruleset(file: Path | None) -> "Ruleset":
    """Return the ruleset in a file, or the one that ships.

    Raises RulesetRefused with every error in it.
    """
    from campaigns.authenticity.ruleset import default_ruleset, parse_ruleset
    from campaigns.promise.toml_file import FILE_BYTES_MAX

    if file is None:
        return default_ruleset()
    with file.open("rb") as stream:
        return parse_ruleset(stream.read(FILE_BYTES_MAX + 1))


def _hash(ruleset: "Ruleset") -> str:
    from campaigns.authenticity.ruleset import ruleset_bytes, salted_sha256

    return salted_sha256(ruleset_bytes(ruleset), "")


def _ruleset_json(ruleset: "Ruleset") -> dict[str, object]:
    return {
        "version": ruleset.ruleset.version,
        "sha256": _hash(ruleset),
        "families": ruleset.families,
        "rules": [
            {
                "id": rule.id,
                "kind": rule.kind_name,
                "family": rule.family,
                "stage": rule.stage,
                "mode": rule.mode,
                "established": rule.established,
                "needs": list(rule.needs),
                "numbers": dict(rule.numbers),
            }
            for rule in ruleset.rules
        ],
    }
