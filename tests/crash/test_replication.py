"""While the synchronous standby is away, nothing rests on a commit that it lacks."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from standardwebhooks.webhooks import Webhook

from ledger.log.note import make_signer
from ledger.payouts import recovery, sending
from ledger.payouts.channels import PaymentOutcome, PaymentResult
from ledger.publication import sequencer, store
from ops import database, database_hosts, payout_channels
from ops.admin.core import execute
from ops.admin.core.actor import Actor
from ops.admin.core.command import CommandServices
from ops.admin.core.idempotency import idempotency_key
from ops.admin.registry import find_command
from ops.admin.resources.settlements import SendRequest
from ops.clock import utc_now
from ops.doctor import run_diagnostics
from ops.keys import Keys
from ops.migrate import migrate
from ops.settings import Settings
from payment_service import SECRET
from payouts import AT, FREE, Bank, send, settled_campaign
from promises import PSEUDONYM_KEY, SLUG, WEBHOOK_KEY
from replication import HOST, Pair, needs_postgresql, replicated_pair
from running_service import running_service
from settlements import settlement_states
from sql import Pool, is_unavailable
from sql.replication import wait_until_replicated

pytestmark = [pytest.mark.slow, needs_postgresql]

SIGNER = make_signer("ledger.example.org/log", b"l" * 32)
CUT_OFF = (TimeoutError, asyncpg.TransactionResolutionUnknownError)
CANCEL_WAIT = """
SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND backend_type = 'client backend'
"""
INSERT = "INSERT INTO log_identity (verifier_key) VALUES ('nobody')"


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with replicated_pair() as replicated:
        await migrate(replicated.dsn)
        yield replicated


@pytest.fixture
async def pool(pair: Pair) -> AsyncIterator[Pool]:
    async with database.open_pool(pair.dsn, seconds_max=1) as opened:
        yield opened


async def assert_refused_until_the_standby_is_back(pair: Pair, work: Callable[[], Awaitable[object]]) -> None:
    """The work fails each time while the standby is away, and succeeds when it is there."""
    for _ in range(2):
        with pytest.raises(CUT_OFF):
            await work()
    await pair.standby.start()
    await pair.synchronise()
    await work()


async def cut_off(work: Awaitable[object]) -> None:
    with pytest.raises(CUT_OFF):
        await work


async def test_the_barrier_waits_for_the_standby(pair: Pair, pool: Pool) -> None:
    async with pool.acquire() as conn:
        await wait_until_replicated(conn)
        async with conn.transaction():
            with pytest.raises(RuntimeError, match="inside a transaction"):
                await wait_until_replicated(conn)

    async def wait() -> None:
        async with pool.acquire() as conn:
            await wait_until_replicated(conn)

    pair.standby.kill()
    await assert_refused_until_the_standby_is_back(pair, wait)


async def test_without_a_synchronous_standby_the_barrier_writes_nothing(pair: Pair, pool: Pool) -> None:
    await pair.primary.set("synchronous_standby_names", "")
    position = await pool.fetchval("SELECT pg_current_wal_insert_lsn()")
    async with pool.acquire() as conn:
        await wait_until_replicated(conn)
    assert await pool.fetchval("SELECT pg_current_wal_insert_lsn()") == position


@pytest.mark.parametrize("statement", ["COMMIT", "a statement of its own", "the barrier"])
async def test_a_wait_that_an_administrator_cancels_is_no_success(pair: Pair, pool: Pool, statement: str) -> None:
    async def commit() -> None:
        async with pool.acquire() as conn:
            if statement == "COMMIT":
                async with conn.transaction():
                    await conn.execute(INSERT)
            elif statement == "the barrier":
                await wait_until_replicated(conn)
            else:
                await conn.execute(INSERT)

    pair.standby.kill()
    committing = asyncio.create_task(commit())
    while not await pair.primary.fetchval(CANCEL_WAIT):
        assert not committing.done()
    with pytest.raises(asyncpg.TransactionResolutionUnknownError) as caught:
        await committing
    assert is_unavailable(caught.value)
    if statement != "the barrier":
        assert await pair.primary.fetchval("SELECT count(*) FROM log_identity") == 1, "PostgreSQL undid it"


async def test_no_head_is_signed_over_leaves_that_the_standby_lacks(pair: Pair, pool: Pool) -> None:
    await sequencer.create_log(pool, SIGNER, utc_now())
    await settled_campaign(pool)  # it queues leaves
    pair.standby.kill()

    async def append() -> None:
        async with pool.acquire() as conn:
            await sequencer.append_leaves(conn, utc_now())

    await cut_off(append())  # on the primary the tree has grown
    assert await pair.primary.fetchval("SELECT max(size) FROM log_heads") > 0

    async def sign() -> None:
        await sequencer.sequence_leaves(pool, SIGNER, utc_now())

    async def signed_size() -> int:
        async with pool.acquire() as conn:
            head = await store.newest_head(conn)
            assert head is not None
            return head.size

    await cut_off(sign())
    assert await signed_size() == 0
    await assert_refused_until_the_standby_is_back(pair, sign)
    assert await signed_size() > 0


async def test_no_bank_is_asked_or_instructed_before_the_claim_is_replicated(pair: Pair, pool: Pool) -> None:
    campaign, settlement = await settled_campaign(pool)
    bank = AskedBank()
    pair.standby.kill()

    async def claim() -> None:
        async with pool.acquire() as conn, conn.transaction():
            rules = sending.ApprovalRules(0, 1000)
            await sending.claim_for_sending(conn, bank, settlement.settlement_id, rules, "fay", AT)

    await cut_off(claim())
    assert await settlement_states(pool, campaign) == ["sending"]

    async def resume() -> None:
        run = await recovery.resume_unfinished(
            pool,
            {bank.name: bank},
            recovery.FIRST_UNFINISHED,
            by="schedule",
            clock=lambda: utc_now() + recovery.SENDING_GRACE,
            outside_calls=asyncio.Semaphore(1),
        )
        for error in run.errors.errors:
            raise error

    await cut_off(resume())
    assert (bank.queries, bank.received) == (0, {})
    await assert_refused_until_the_standby_is_back(pair, resume)
    assert (bank.queries, list(bank.received.values())) == (1, [1])
    assert await settlement_states(pool, campaign) == ["sent"]


@dataclass
class AskedBank(Bank):
    """A bank that counts queries, too."""

    queries: int = 0

    async def query_result(self, message: sending.Message) -> PaymentResult:
        self.queries += 1
        return await super().query_result(message)


async def test_no_stored_response_is_repeated_before_it_is_replicated(
    pair: Pair, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, settlement = await settled_campaign(pool)
    bank = Bank()
    monkeypatch.setattr(payout_channels, "payout_channel", lambda *_: bank)
    services = CommandServices(pool, Keys(PSEUDONYM_KEY, WEBHOOK_KEY), Settings())
    actor, command = Actor("fay", "finance", "page"), find_command("settlement.send")
    key = idempotency_key("fay", "key", b"settlement.send")
    responses = []

    async def send() -> None:
        responses.append(
            await execute.execute(services, actor, command, settlement.settlement_id, SendRequest(), key)
        )

    pair.standby.kill()
    await assert_refused_until_the_standby_is_back(pair, send)
    assert [response["state"] for response in responses] == ["done"]
    assert await pool.fetchval("SELECT count(*) FROM audit_log WHERE command = 'settlement.send'") == 1


async def test_no_callback_is_acknowledged_before_it_is_replicated(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "REQUEST_SECONDS_MAX", 1)
    async with running_service(pair.dsn, payout_secret=SECRET) as service:
        campaign, settlement = await settled_campaign(
            service.service.pool, (SLUG, "c2"), ("mobile-libraries", "wells"), FREE
        )
        bank = Bank("http", result=PaymentResult(PaymentOutcome.UNKNOWN))
        await send(service.service.pool, bank, campaign, settlement)
        [message_id] = bank.executed
        body = json.dumps({"type": "payout.answered", "data": {"id": message_id, "status": "accepted"}})
        now = utc_now()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign("msg_1", now, body),
        }

        async def call_back() -> tuple[int, str | None]:
            async with service.http.post(
                f"{service.url}/v1/payouts/answers", data=body.encode(), headers=headers
            ) as response:
                return response.status, (await response.json()).get("result")

        pair.standby.kill()
        assert [(await call_back())[0] for _ in range(2)] == [503, 503]
        assert await pair.primary.fetchval("SELECT count(*) FROM payout_steps WHERE state = 'sent'") == 2
        await pair.standby.start()
        await pair.synchronise()
        assert await call_back() == (200, "duplicate")


async def test_a_password_file_serves_each_host(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await pair.primary.fetchval("CREATE ROLE joe LOGIN PASSWORD 'secret'")
    rules = pair.primary.folder / "pg_hba.conf"
    rules.write_text(f"host all joe {HOST}/32 scram-sha-256\n{rules.read_text()}")
    await pair.primary.fetchval("SELECT pg_reload_conf()")
    passwords = tmp_path / "pgpass"
    passwords.write_text(f"{HOST}:{pair.primary.port}:*:joe:secret\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    conn = await database.connect(f"postgresql://joe@{HOST}:1,{HOST}:{pair.primary.port}/postgres")
    assert await conn.fetchval("SELECT session_user") == "joe"
    await conn.close()


async def test_the_service_commits_synchronously_whatever_the_role_says(pair: Pair) -> None:
    await pair.primary.fetchval("ALTER ROLE postgres SET synchronous_commit = off")
    async with database.open_pool(pair.dsn) as opened:
        assert await opened.fetchval("SHOW synchronous_commit") == "on"
    assert await failed_checks(pair) == {"commit"}
    await pair.primary.fetchval("ALTER ROLE postgres RESET synchronous_commit")
    assert await failed_checks(pair) == set()
    pair.standby.kill()
    await pair.primary.wait_until("SELECT count(*) = 0 FROM pg_stat_replication")
    assert await failed_checks(pair) == {"replication"}


async def failed_checks(pair: Pair) -> set[str]:
    conn = await database.connect(pair.dsn)
    try:
        findings = [finding async for finding in run_diagnostics(conn, Settings())]
    finally:
        await conn.close()
    return {finding.check for finding in findings if not finding.is_ok} & {"commit", "replication"}


async def test_a_lost_server_is_noticed_by_its_socket(pair: Pair) -> None:
    conn = await database.connect(pair.dsn)
    peer = conn._transport.get_extra_info("socket")
    assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
    assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    await conn.close()


async def test_hosts_that_hang_refuse_or_only_read_are_passed_over(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_hosts, "HOST_SECONDS_MAX", 0.3)
    reasons = r"no answer in time; .*Connect call failed.*; a standby, or read-only$"
    with socket.create_server((HOST, 0)) as silent:  # it accepts, and never answers
        others = f"{HOST}:{silent.getsockname()[1]},{HOST}:1,{HOST}:{pair.standby.port}"
        conn = await database.connect(f"postgresql://postgres@{others},{HOST}:{pair.primary.port}/postgres")
        assert await conn.fetchval("SELECT NOT pg_is_in_recovery()")
        await conn.close()
        with pytest.raises(database_hosts.NoPrimary, match=reasons):
            await database.connect(f"postgresql://postgres@{others}/postgres")


async def test_a_promotion_drops_the_connections_to_the_former_primary_and_refuses_it(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_hosts, "HOST_SECONDS_MAX", 0.3)
    async with (
        database.open_pool(pair.dsn, seconds_max=1) as first,
        database.open_pool(pair.dsn, seconds_max=60) as second,
        second.acquire() as old,
    ):
        sleeping = asyncio.create_task(old.execute("SELECT pg_sleep(60)"))
        await pair.primary.wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
        await pair.standby.promote()
        pair.primary.freeze()
        with pytest.raises(TimeoutError):
            await first.execute("SELECT 1")
        assert await first.fetchval("SELECT inet_server_port()") == pair.standby.port
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await sleeping
        pair.primary.thaw()
        pair.standby.kill()  # the former primary, not fenced off, is now the only one that answers
        with pytest.raises(Exception, check=is_unavailable):  # noqa: B017 - its classification is what is tested
            await first.execute("SELECT 1")
        with pytest.raises(database_hosts.NoPrimary, match="another server was promoted"):
            await first.execute("SELECT 1")
