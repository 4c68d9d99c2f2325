"""The desk: the one place where a command is done, whichever door it came in by.

    may they?  →  the same key before?  →  run  →  a second person needed?  →  audit  →  keep the answer  ┃  then
                                                    └── roll back to before it ran, keep the proposal     ┃

Everything is one transaction; a dry run goes the same way and is rolled back at the end. What a command has to say to
others it says after the commit, never in a dry run and never for a key that was answered before: what was kept tells
that it is to be said, so that the same command, given anew, takes up what a crash left undone.
"""

from typing import Any, Literal, NotRequired

import orjson
import structlog
from typing_extensions import TypedDict

from campaigns.promise.diff import Difference, changes
from ops.admin.core import audit_log, idempotency, proposals
from ops.admin.core.actor import Actor
from ops.admin.core.command import Asked, Command, Desk, Done, Office, Then, may
from ops.admin.core.errors import Forbidden
from ops.admin.core.idempotency import Once
from ops.admin.core.savepoint import undoable
from ops.clock import utc_now

_log = structlog.get_logger()


class Answer(TypedDict):
    """What a command did. `pending`: a second person has to agree, and nothing else was changed yet.

    `besides` is as of now, and may come out otherwise when the second person agrees.
    """

    command: str
    subject: str
    state: Literal["done", "unchanged", "pending"]
    dry_run: bool
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    differences: list[Difference]
    besides: dict[str, Any]
    audit: int | None
    proposal: str | None
    waits_for: str | None
    secret: NotRequired[str]


async def do(
    office: Office,
    actor: Actor,
    command: Command[Any],
    place: str,
    asked: Asked,
    own: Once | None = None,
    *,
    dry_run: bool = False,
) -> Answer:
    """Have a command done, and return what it did; the same key again: what it did then.

    Forbidden: the role may not. Refused and LedgerError as the command raises them: then nothing was kept.
    """
    if not may(actor, command.roles):
        raise Forbidden(f"{command.name} is for {', '.join(sorted({*command.roles, 'owner'}))}; you are {actor.role}")
    async with office.pool.acquire() as conn, undoable(conn) as work:
        work.is_undone = dry_run
        desk = Desk(conn, actor, office.keys, office.settings, utc_now())
        known = await idempotency.claim(conn, own, desk.now) if own else None
        if known is not None:
            return _read(known)
        answer, done = await _done(desk, command, place, asked, dry_run=dry_run)
        if own is not None:
            await idempotency.keep(conn, own, orjson.dumps(answer))
    if done.then is not None and not dry_run and answer["state"] != "pending":
        await afterwards(office, command.name, done.then)
    return answer if done.secret is None or dry_run else {**answer, "secret": done.secret}


async def afterwards(office: Office, command: str, then: Then) -> None:
    """Do what a command left for after its commit. What was kept stands whatever happens here."""
    try:
        async with office.outside:
            await then(office.pool)
    except Exception:
        if office.raises:
            raise
        _log.exception("left undone after the commit", command=command)


def _read(kept: bytes) -> Answer:
    answer: Answer = orjson.loads(kept)
    return answer


async def _done(desk: Desk, command: Command[Any], place: str, asked: Asked, *, dry_run: bool) -> tuple[Answer, Done]:
    proposal_id, line = None, None
    async with undoable(desk.conn) as trial:
        done = await command.run(desk, place, asked)
        trial.is_undone = done.second is not None and not desk.actor.is_operator
    if trial.is_undone:
        proposal_id = await proposals.propose(desk, command, place, asked, done)
        asking = Done(f"proposal/{proposal_id}", None, {"command": command.name, "subject": done.subject})
        line = await audit_log.write(desk.conn, desk.actor, "proposal.ask", asking, desk.now, proposal_id)
    is_changed = done.before != done.after
    if is_changed and proposal_id is None:
        line = await audit_log.write(desk.conn, desk.actor, command.name, done, desk.now)
    answer = answer_of(command.name, done, dry_run=dry_run)
    answer |= {"audit": None if dry_run else line}
    if proposal_id is not None:
        answer |= {"state": "pending", "proposal": None if dry_run else proposal_id, "waits_for": done.second}
    return answer, done


def answer_of(command: str, done: Done, *, dry_run: bool = False) -> Answer:
    """Return what is told of what a command did. Pure."""
    differ = changes(done.before, done.after, done.currency)
    return {
        "command": command,
        "subject": done.subject,
        "state": "done" if done.before != done.after else "unchanged",
        "dry_run": dry_run,
        "before": None if done.before is None else dict(done.before),
        "after": None if done.after is None else dict(done.after),
        "differences": [{"path": c.path, "before": c.before, "after": c.after} for c in differ],
        "besides": dict(done.besides),
        "audit": None,
        "proposal": None,
        "waits_for": None,
    }
