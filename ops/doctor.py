"""`doctor`: what is wrong with an installation and how to mend it; each finding is a sentence."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ledger import http_client
from ledger.publication.witnesses import Standing, standing
from ops.clock import utc_now
from ops.migrate import read_plan
from ops.openid.client import Client, client
from ops.openid.protocol import Unproven
from ops.openid.provider import Provider
from ops.settings import Settings
from ops.witnesses import witnesses
from sql import Connection, query

_FREE_BYTES_MIN = 2 * 1024**3
_CLOCK_SKEW_MAX = timedelta(seconds=2)
_TICK_LAG_MAX = timedelta(minutes=1)
_WITNESS_LAG_MAX = timedelta(minutes=10)

_READ_SERVER_CLOCK = query("read_server_clock")
_FIND_OLDEST_UNFOLDED = query("find_oldest_unfolded")
_HAS_SERVICE_ROLE = query("has_service_role")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` says what to do where it is not well."""

    what: str
    well: bool
    state: str
    mend: str = ""


async def examine(conn: Connection, settings: Settings) -> AsyncIterator[Finding]:
    """Look at database, schema, role, clock, disk, jobs, witnesses and provider, in this order."""
    yield Finding("database", well=True, state=f"PostgreSQL {conn.get_server_version().major}")
    schema = await _schema(conn)
    yield schema
    yield _role(found=await conn.fetchval(_HAS_SERVICE_ROLE))
    yield _clock(await conn.fetchval(_READ_SERVER_CLOCK), utc_now())
    yield _disk(settings.data_dir)
    if schema.well:
        yield _jobs(await conn.fetchval(_FIND_OLDEST_UNFOLDED), utc_now())
        for witness in witnesses(settings):
            yield _witness(witness.key.name, await standing(conn, witness, utc_now()), utc_now())
    if own := client(settings):
        yield await _provider(own)


async def _schema(conn: Connection) -> Finding:
    pending = [script.name for script in (await read_plan(conn)).pending]
    state = f"{len(pending)} migrations pending" if pending else "up to date"
    return Finding("schema", not pending, state, "run `like-ledger migrate`")


def _role(*, found: bool) -> Finding:
    state = "like_ledger_service exists" if found else "like_ledger_service is missing"
    return Finding("role", found, state, "run `like-ledger migrate` as a user that may create roles")


def _clock(server: datetime, own: datetime) -> Finding:
    skew = abs(server - own)
    mend = "let both machines keep time by NTP: signatures and ticks depend on it"
    return Finding("clock", skew <= _CLOCK_SKEW_MAX, f"{skew.total_seconds():.3f} s from the database's", mend)


def _disk(folder: Path) -> Finding:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    mend = f"make room, or set LIKE_LEDGER_DATA_DIR to another disk than that of {folder}"
    return Finding("disk", free >= _FREE_BYTES_MIN, f"{free / 1024**3:.1f} GiB free", mend)


def _jobs(unfolded_since: datetime | None, now: datetime) -> Finding:
    if unfolded_since is None:
        return Finding("jobs", well=True, state="every batch is folded")
    lag = now - unfolded_since
    mend = "start `like-ledger serve`, or look into its log for `job failed`"
    return Finding("jobs", lag <= _TICK_LAG_MAX, f"the oldest batch waits for {lag.total_seconds():.0f} s", mend)


def _witness(name: str, stands: Standing, now: datetime) -> Finding:
    state = f"has cosigned {stands.cosigned_size} of {stands.newest_size} leaves"
    if stands.fault is not None:
        state += f"; when it was last asked: {stands.fault}"
    lag = now - stands.owes_since if stands.owes_since else timedelta()
    mend = "ask whoever runs it; compare key and address in LIKE_LEDGER_LOG_WITNESSES, and the log's in its list"
    return Finding(f"witness {name}", lag <= _WITNESS_LAG_MAX, state, mend)


async def _provider(own: Client) -> Finding:
    async with http_client.session() as http:
        asked = Provider(own, http)
        try:
            await asked.metadata()
            await asked.keys()
        except Unproven as fault:
            mend = "compare LIKE_LEDGER_OPENID_ISSUER with what the provider calls itself, and ask whoever runs it"
            return Finding("OpenID provider", well=False, state=str(fault), mend=mend)
    return Finding("OpenID provider", well=True, state=f"{own.host} answers")
