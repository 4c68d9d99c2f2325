"""Diagnostics of an installation (`like-ledger doctor`): each finding says what to do."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from campaigns.judging.observation_retention import ObservationStorage, read_storage
from ledger import http_client
from ledger.payouts import recovery
from ledger.publication.refusals import SigningRefused
from ledger.publication.store import newest_head
from ledger.publication.witnesses import WitnessProgress, read_witness_progress
from ops.clock import utc_now
from ops.i18n.refusals import refusal_text
from ops.migrate import read_plan
from ops.openid.client import Client, load_client
from ops.openid.protocol import Unproven
from ops.openid.provider import Provider
from ops.pooler import PoolerRefused
from ops.settings import Settings
from ops.signing import load_guard, require_mirror_extended
from ops.witnesses import load_witnesses
from sql import Connection, query

_FREE_BYTES_MIN = 2 * 1024**3
_CLOCK_SKEW_MAX = timedelta(seconds=2)
_TICK_LAG_MAX = timedelta(minutes=1)
_OVERDUE_LISTED_MAX = 10
_WITNESS_LAG_MAX = timedelta(minutes=10)

_READ_SERVER_CLOCK = query("read_server_clock")
_FIND_OLDEST_UNFOLDED = query("find_oldest_unfolded")
_HAS_SERVICE_ROLE = query("has_service_role")
_READ_DURABILITY = query("read_durability")

_WEAK_COMMITS = {"off", "local", "remote_write"}
_IS_LOGIN_PRIVILEGED = query("is_login_privileged")


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `fix` says what to do if it failed."""

    check: str
    is_ok: bool
    state: str
    fix: str = ""


class Durability(NamedTuple):
    """What the commits of the database's user wait for."""

    has_fsync: bool
    synchronous_commit: str
    synchronous_standby_names: str
    standby_count: int  # synchronous ones that are there, 0 if the user cannot see them
    can_see_standbys: bool


async def run_diagnostics(conn: Connection, settings: Settings) -> AsyncIterator[Finding]:
    """Yield findings about database, role, commits, clock, disk, jobs, payouts, log, witnesses and OpenID."""
    yield Finding("database", is_ok=True, state=f"PostgreSQL {conn.get_server_version().major}")
    schema = await _check_schema(conn)
    yield schema
    yield _check_role(exists=await conn.fetchval(_HAS_SERVICE_ROLE))
    [row] = await conn.fetch(_READ_DURABILITY)
    durability = Durability(*row)
    yield check_commit(durability)
    yield check_replication(durability)
    yield _check_login(
        is_privileged=await conn.fetchval(_IS_LOGIN_PRIVILEGED), is_embedded=settings.database_url is None
    )
    yield _check_clock(await conn.fetchval(_READ_SERVER_CLOCK), utc_now())
    yield _check_disk(settings.data_dir)
    if finding := check_proxies(settings):
        yield finding
    if schema.is_ok:
        yield _check_jobs(await conn.fetchval(_FIND_OLDEST_UNFOLDED), utc_now())
        yield _check_observations(await read_storage(conn), utc_now())
        yield await _check_payouts(conn, settings, utc_now())
        yield await _check_log(conn, settings)
        for witness in load_witnesses(settings):
            yield _check_witness(witness.key.name, await read_witness_progress(conn, witness, utc_now()), utc_now())
    if openid_client := load_client(settings):
        yield await _check_provider(openid_client)


def find_pooler(refused: PoolerRefused) -> Finding:
    """Return the finding that a pooler stands between the service and PostgreSQL; nothing else can be checked."""
    return Finding("database", is_ok=False, state=refused.fault, fix=refused.advice)


async def _check_schema(conn: Connection) -> Finding:
    pending = [script.name for script in (await read_plan(conn)).pending]
    state = f"{len(pending)} migrations pending" if pending else "up to date"
    return Finding("schema", not pending, state, "run `like-ledger migrate`")


def _check_role(*, exists: bool) -> Finding:
    state = "like_ledger_service exists" if exists else "like_ledger_service is missing"
    return Finding("role", exists, state, "run `like-ledger migrate` as a user that can create roles")


def check_commit(durability: Durability) -> Finding:
    """Return whether a commit of the database's user survives a power cut and a failover. Pure."""
    level = durability.synchronous_commit
    state = f"synchronous_commit is {level}, fsync is {'on' if durability.has_fsync else 'off'}"
    fix = "set both to `on`, for server, database and role: the service sets synchronous_commit for its own sessions"
    return Finding("commit", durability.has_fsync and level not in _WEAK_COMMITS, state, fix)


def check_replication(durability: Durability) -> Finding:
    """Return whether the synchronous standby that commits wait for is there. Pure."""
    names, count = durability.synchronous_standby_names, durability.standby_count
    if not names:
        return Finding("replication", is_ok=True, state="commits wait for no standby: an answer means stored here")
    if not durability.can_see_standbys:
        state = f"commits wait for {names}; this user cannot see whether it is there"
        return Finding("replication", is_ok=True, state=state)
    fix = "start the standby: until then nothing is acknowledged, signed or paid"
    return Finding("replication", count > 0, f"commits wait for {names}: {count} synchronous standbys", fix)


def _check_login(*, is_privileged: bool, is_embedded: bool) -> Finding:
    """Describe the rights of the database user; a user with too many works, so it is advice."""
    if is_embedded:
        return Finding("database user", is_ok=True, state="only the owner of the data folder reaches the database")
    advice = "may change every table: let `serve` log in as a user of ops/deploy/roles.sh that may not"
    return Finding("database user", is_ok=True, state=advice if is_privileged else "has only the service's rights")


def _check_clock(database_now: datetime, local_now: datetime) -> Finding:
    skew = abs(database_now - local_now)
    fix = "synchronise both machines by NTP: signatures and jobs depend on the time"
    return Finding("clock", skew <= _CLOCK_SKEW_MAX, f"{skew.total_seconds():.3f} s from the database's", fix)


def check_proxies(settings: Settings) -> Finding | None:
    """Return whether the proxy in front of a public address is known; None without such an address. Pure."""
    if not (settings.public_url or "").startswith("https://"):
        return None
    state = f"{settings.trusted_proxies} trusted in front of {settings.public_url}"
    fix = (
        "set LIKE_LEDGER_TRUSTED_PROXIES to the number of your proxies: the service itself has no TLS, and without"
        " it limits take all clients for one"
    )
    return Finding("proxies", settings.trusted_proxies > 0, state, fix)


def _check_disk(folder: Path) -> Finding:
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    fix = f"free space on the disk of {folder}, or set LIKE_LEDGER_DATA_DIR to another disk"
    return Finding("disk", free >= _FREE_BYTES_MIN, f"{free / 1024**3:.1f} GiB free", fix)


def _check_jobs(unfolded_since: datetime | None, now: datetime) -> Finding:
    if unfolded_since is None:
        return Finding("jobs", is_ok=True, state="every batch is pledged")
    lag = now - unfolded_since
    fix = "start `like-ledger serve`, or look for `job failed` in its log"
    return Finding("jobs", lag <= _TICK_LAG_MAX, f"the oldest batch has waited for {lag.total_seconds():.0f} s", fix)


def _check_observations(storage: ObservationStorage, now: datetime) -> Finding:
    if storage.is_behind(now.date()):
        fix = "start `like-ledger serve`, or look for `job failed` with job=observations in its log"
        return Finding("observations", is_ok=False, state="tomorrow has no partition", fix=fix)
    state = f"partitions exist until {storage.last_day}"
    return Finding("observations", is_ok=True, state=state)


async def _check_payouts(conn: Connection, settings: Settings, now: datetime) -> Finding:
    sent_before = now - timedelta(days=settings.payout_sent_days)
    overdue = await recovery.list_overdue(conn, sent_before, _OVERDUE_LISTED_MAX + 1)
    if not overdue:
        return Finding("payouts", is_ok=True, state=f"none is sent for more than {settings.payout_sent_days} days")
    listed = overdue[:_OVERDUE_LISTED_MAX]
    named = ", ".join(f"{p.payout_id} ({p.campaign}, since {p.sent_at:%Y-%m-%d})" for p in listed)
    more = " and more" if len(overdue) > _OVERDUE_LISTED_MAX else ""
    fix = "import the bank's statements; then use `payouts match`, or `payouts record-result` if the bank refused it"
    return Finding("payouts", is_ok=False, state=f"no statement shows {named}{more}", fix=fix)


async def _check_log(conn: Connection, settings: Settings) -> Finding:
    """Compare the database with the signer's memory and with the mirror."""
    guard, head = load_guard(settings), await newest_head(conn)
    if head is None:
        return Finding("log", is_ok=False, state="there is no public log", fix="run `like-ledger log init`")
    try:
        await guard.require_history(conn)
        await require_mirror_extended(conn, settings)
        state = guard.memory.read()
    except SigningRefused as refusal:
        return Finding("log", is_ok=False, state=refusal.code, fix=refusal_text(refusal, "en"))
    remembered = f"{state.checkpoint.size} remembered" if state else "none remembered yet on this machine"
    return Finding("log", is_ok=True, state=f"{head.size} leaves signed, {remembered}")


def _check_witness(name: str, status: WitnessProgress, now: datetime) -> Finding:
    state = f"has cosigned {status.cosigned_size} of {status.newest_size} leaves"
    if status.fault is not None:
        state += f"; last request: {status.fault}"
    lag = now - status.lagging_since if status.lagging_since else timedelta()
    fix = "contact its operator; compare its key and address in LIKE_LEDGER_LOG_WITNESSES, and our log's in its list"
    return Finding(f"witness {name}", lag <= _WITNESS_LAG_MAX, state, fix)


async def _check_provider(openid_client: Client) -> Finding:
    async with http_client.create_session() as http:
        provider = Provider(openid_client, http)
        try:
            await provider.metadata()
            await provider.keys()
        except Unproven as error:
            fix = "compare LIKE_LEDGER_OPENID_ISSUER with the provider's issuer, and contact its operator"
            return Finding("OpenID provider", is_ok=False, state=str(error), fix=fix)
    return Finding("OpenID provider", is_ok=True, state=f"{openid_client.host} answers")
