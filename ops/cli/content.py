"""`like-ledger campaign enrol|pause|resume`: the contents that count for a campaign."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.cli import printing, runtime

if TYPE_CHECKING:
    from campaigns.catalogue.content_uploads import Upload
    from ops.admin.core.execute import CommandResponse

Slug = Annotated[str, typer.Argument(help="The campaign's slug.")]
Contents = Annotated[list[str], typer.Argument(metavar="CONTENT", help="The content id, as the platforms send it.")]


def enrol(
    slug: Slug,
    contents: Annotated[list[str] | None, typer.Argument(metavar="CONTENT", help="Contents to enrol.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, readable=True, help="A file of contents, one a line.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the contents instead.")] = False,
    as_json: runtime.AsJson = False,
) -> None:
    """Enrol contents in a campaign. A content belongs to at most one campaign at a time.

    Up to 5,000 contents are enrolled together or not at all. A larger list is enrolled in chunks; finished chunks
    stay if another campaign enrols one of the rest meanwhile.
    """
    if not contents and file is None:
        raise typer.BadParameter("name contents, or a --file of contents", param_hint="CONTENT")
    changed, total = runtime.run_to_end(_enrol(slug, contents or [], file, "remove" if remove else "enrol"))
    if as_json:
        printing.show_json({"campaign": slug, "contents": total, "removed" if remove else "enrolled": changed})
    else:
        typer.echo(f"{slug}: {changed} {'removed' if remove else 'enrolled'}, {total - changed} unchanged")


async def _enrol(slug: str, contents: list[str], file: Path | None, action: str) -> tuple[int, int]:
    from campaigns.catalogue import content_csv, content_uploads

    wanted = sorted({*contents, *(_read_contents(file) if file else ())})
    async with runtime.open_session() as session:
        if len(wanted) <= content_uploads.CHUNK_CONTENTS:
            response = await session.execute(f"content.{action}", slug, {"contents": wanted})
            return _count_changed(response), len(wanted)
        response = await session.execute(
            f"content.{action}_file", slug, {"content": content_csv.format_contents(wanted)}
        )
        if response["state"] == "unchanged":
            return 0, len(wanted)
        return (await _process_upload(session, (response["after"] or {})["upload"])).changed, len(wanted)


async def _process_upload(session: runtime.Session, upload_id: str) -> "Upload":
    """Process an upload with a progress bar and return it; a running service may process it at the same time."""
    from rich.console import Console
    from rich.progress import Progress

    from campaigns.errors import EnrolmentRefused
    from ops.admin.resources import content_uploads

    with Progress(console=Console(stderr=True)) as bars:
        bar = bars.add_task("content", total=None)
        async for upload in content_uploads.process_upload(session.services, upload_id):
            bars.update(bar, total=upload.contents, completed=upload.done)
    if upload.fault:
        why = upload.failure or upload.fault.rstrip("。.")  # the sentence of an old release ends itself
        raise EnrolmentRefused("upload_stopped", done_number=upload.done, contents_number=upload.contents, why=why)
    return upload


def _read_contents(file: Path) -> list[str]:
    from campaigns.catalogue import content_csv
    from campaigns.errors import EnrolmentRefused

    with file.open("rb") as stream:
        content = stream.read(content_csv.FILE_BYTES_MAX + 1)
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise EnrolmentRefused("content_file_not_utf8", file=file.name) from None
    return content_csv.parse_contents(content)


def pause(slug: Slug, contents: Contents, as_json: runtime.AsJson = False) -> None:
    """Pause contents: new likes of them are refused; counted likes stay, and unlikes still apply."""
    _print_change(slug, "paused", runtime.execute("content.pause", slug, {"contents": contents}), as_json=as_json)


def resume(slug: Slug, contents: Contents, as_json: runtime.AsJson = False) -> None:
    """Resume paused contents; likes refused meanwhile may be sent again."""
    _print_change(slug, "resumed", runtime.execute("content.resume", slug, {"contents": contents}), as_json=as_json)


def _print_change(slug: str, result_key: str, response: "CommandResponse", *, as_json: bool) -> None:
    changed, unchanged = _count_changed(response), (response["after"] or {})["unchanged"]
    if as_json:
        printing.show_json({"campaign": slug, "contents": changed + unchanged, result_key: changed})
    else:
        typer.echo(f"{slug}: {changed} {result_key}, {unchanged} unchanged")


def _count_changed(response: "CommandResponse") -> int:
    """Return the number of contents that changed."""
    after = response["after"] or {}
    return int(next((after[verb] for verb in ("enrolled", "removed", "paused", "resumed") if verb in after), 0))


def add_commands(app: typer.Typer) -> None:
    """Add these commands to the group `campaign`."""
    for command in (enrol, pause, resume):
        app.command()(command)
