"""`like-ledger campaign enrol|pause|resume`: what counts for a campaign."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import runtime

if TYPE_CHECKING:
    from campaigns.catalogue.content_uploads import Upload
    from ops.admin.core.execute import CommandResponse

Slug = Annotated[str, typer.Argument(help="The campaign's slug.")]
Contents = Annotated[list[str], typer.Argument(metavar="CONTENT", help="As the platforms name it.")]


def enrol(
    slug: Slug,
    contents: Annotated[list[str] | None, typer.Argument(metavar="CONTENT", help="What counts for it.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, readable=True, help="More, one a line.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the content out instead.")] = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Enrol content in a campaign: each belongs to at most one campaign at a time.

    All of it or none; of more than 5,000 what was done stays, should another campaign take some of it meanwhile.
    """
    if not contents and file is None:
        raise typer.BadParameter("name some content, or a --file of it", param_hint="CONTENT")
    changed, asked = runtime.run_to_end(_enrol(slug, contents or [], file, "remove" if remove else "enrol"))
    if as_json:
        runtime.show_json({"campaign": slug, "contents": asked, "removed" if remove else "enrolled": changed})
    else:
        typer.echo(f"{slug}: {changed} {'removed' if remove else 'enrolled'}, {asked - changed} unchanged")


async def _enrol(slug: str, contents: list[str], file: Path | None, action: str) -> tuple[int, int]:
    from campaigns.catalogue import content_csv, content_uploads

    wanted = sorted({*contents, *(_read_contents(file) if file else ())})
    async with runtime.open_session() as own:
        if len(wanted) <= content_uploads.CHUNK_CONTENTS:
            answer = await runtime.execute_in(own, f"content.{action}", slug, {"contents": wanted})
            return _count_changed(answer), len(wanted)
        answer = await runtime.execute_in(
            own, f"content.{action}_file", slug, {"content": content_csv.format_contents(wanted)}
        )
        if answer["state"] == "unchanged":
            return 0, len(wanted)
        return (await _process_upload(own, (answer["after"] or {})["upload"])).changed, len(wanted)


async def _process_upload(session: runtime.Session, upload_id: str) -> "Upload":
    """Work an upload off here, beside a service that may do so too, and show how far it is."""
    from rich.console import Console
    from rich.progress import Progress

    from campaigns.errors import EnrolmentRefused
    from ops.admin.resources import content_uploads

    with Progress(console=Console(stderr=True)) as bars:
        bar = bars.add_task("content", total=None)
        async for upload in content_uploads.process_upload(runtime.command_services(session), upload_id):
            bars.update(bar, total=upload.contents, completed=upload.done)
    if upload.fault:
        raise EnrolmentRefused(f"{upload.done} of {upload.contents} were done, then: {upload.fault}")
    return upload


def _read_contents(file: Path) -> list[str]:
    from campaigns.catalogue import content_csv
    from campaigns.errors import EnrolmentRefused

    with file.open("rb") as opened:
        content = opened.read(content_csv.FILE_BYTES_MAX + 1)
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise EnrolmentRefused(f"{file.name} is not UTF-8") from None
    return content_csv.parse_contents(content)


def pause(slug: Slug, contents: Contents, as_json: runtime.AsJson = False) -> None:
    """Take no like of some content for now; what was counted stays, and may be taken back meanwhile."""
    _print_change(slug, "paused", runtime.execute("content.pause", slug, {"contents": contents}), as_json=as_json)


def resume(slug: Slug, contents: Contents, as_json: runtime.AsJson = False) -> None:
    """Take likes of paused content again; those that were refused meanwhile may be sent once more."""
    _print_change(slug, "resumed", runtime.execute("content.resume", slug, {"contents": contents}), as_json=as_json)


def _print_change(slug: str, result_key: str, response: "CommandResponse", *, as_json: bool) -> None:
    changed, unchanged = _count_changed(response), (response["after"] or {})["unchanged"]
    if as_json:
        runtime.show_json({"campaign": slug, "contents": changed + unchanged, result_key: changed})
    else:
        typer.echo(f"{slug}: {changed} {result_key}, {unchanged} unchanged")


def _count_changed(response: "CommandResponse") -> int:
    """Return how many contents were changed."""
    after = response["after"] or {}
    return int(next((after[verb] for verb in ("enrolled", "removed", "paused", "resumed") if verb in after), 0))


def add_commands(app: typer.Typer) -> None:
    """Put these commands into those of `campaign`."""
    for command in (enrol, pause, resume):
        app.command()(command)
