"""The journal on a real PostgreSQL: postings, refusals, and rows that no program can change."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from ledger.accounting.balances import CampaignBalances, campaign_balances
from ledger.accounting.corrections import reverse_amount
from ledger.accounting.journal import Account, Posting, TransferStep, post_transfer
from ledger.errors import AlreadyCorrected, BalanceFloor, IdempotencyKeyConflict
from ops import database
from sql import Connection, Pool

WORLD = Account("world", "CNY")
BUDGET = Account("budget", "CNY", "schools")
PLEDGED = Account("pledged", "CNY", "schools")
PAYABLE = Account("payable", "CNY", "schools", "village-schools")
FUNDED = Posting("fund/1", TransferStep.FUND, WORLD, BUDGET, 1_000, "sponsor's first transfer")
FIRST = Posting("pledge/1", TransferStep.PLEDGE, BUDGET, PLEDGED, 600, "likes counted")


async def post(pool: Pool, *postings: Posting) -> None:
    async with pool.acquire() as conn, conn.transaction():
        for posting in postings:
            await post_transfer(conn, posting)


async def read_balances(pool: Pool) -> CampaignBalances:
    async with pool.acquire() as conn:
        return await campaign_balances(conn, "schools")


def correction(corrected: Posting, key: str, amount_minor: int | None = None) -> Posting:
    amount_minor = corrected.amount_minor if amount_minor is None else amount_minor
    step, source, target = corrected.step, corrected.target, corrected.source
    return Posting(key, step, source, target, amount_minor, "taken back", corrected.transfer_id)


@pytest.fixture
async def funded(pool: Pool) -> Pool:
    """Return a pool on a database where 1,000 were funded and 600 of them pledged."""
    await post(pool, FUNDED, FIRST)
    return pool


@pytest.mark.breaks_invariants  # settles without a settlement
async def test_money_moves_along_the_line(funded: Pool):
    await post(funded, Posting("settle/1", TransferStep.SETTLE, PLEDGED, PAYABLE, 250, "first period"))
    balances = await read_balances(funded)
    assert (balances.budget.minor, balances.pledged.minor, balances.payable.minor) == (400, 350, 250)
    assert (balances.funded_minor, balances.earned_minor, balances.settled_minor) == (1_000, 600, 250)


async def test_a_transfer_enqueues_its_leaf_in_its_transaction(funded: Pool):
    leaves = await funded.fetch("SELECT subject FROM leaf_queue ORDER BY leaf_id")
    assert [row["subject"] for row in leaves] == [f"transfer/{p.transfer_id}" for p in (FUNDED, FIRST)]


async def test_a_rollback_leaves_no_trace(funded: Pool):
    async with funded.acquire() as conn:
        attempt = conn.transaction()
        await attempt.start()
        await post_transfer(conn, Posting("pledge/2", TransferStep.PLEDGE, BUDGET, PLEDGED, 100, "a dry run"))
        await attempt.rollback()
    assert await funded.fetchval("SELECT count(*) FROM transfers") == 2
    assert await funded.fetchval("SELECT count(*) FROM leaf_queue") == 2
    assert (await read_balances(funded)).pledged.minor == 600


async def test_the_same_posting_again_is_the_same_transfer(funded: Pool):
    async with funded.acquire() as conn, conn.transaction():
        assert await post_transfer(conn, FIRST) == FIRST.transfer_id
        assert await post_transfer(conn, FIRST) == FIRST.transfer_id
    assert await funded.fetchval("SELECT count(*) FROM transfers") == 2
    assert (await read_balances(funded)).pledged.minor == 600


async def test_a_posting_again_is_the_first_also_once_its_money_has_moved_on(funded: Pool):
    await post(funded, Posting("pledge/2", TransferStep.PLEDGE, BUDGET, PLEDGED, 400, "the rest"))
    await post(funded, FIRST)
    assert (await read_balances(funded)).budget.minor == 0


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("step", replace(FIRST, step=TransferStep.FUND)),
        ("from_account", replace(FIRST, source=BUDGET._replace(kind="payable"))),
        ("to_account", replace(FIRST, target=PLEDGED._replace(kind="payable"))),
        (
            "from_account",
            replace(FIRST, source=BUDGET._replace(currency="JPY"), target=PLEDGED._replace(currency="JPY")),
        ),
        ("amount_minor", replace(FIRST, amount_minor=601)),
        ("corrects", replace(FIRST, corrects=FUNDED.transfer_id)),
        ("reference", replace(FIRST, reference="likes counted again")),
    ],
)
async def test_a_key_that_comes_back_with_other_content_names_the_field(funded: Pool, field: str, other: Posting):
    with pytest.raises(IdempotencyKeyConflict) as refused:
        await post(funded, other)
    assert refused.value.field == field
    assert await funded.fetchval("SELECT count(*) FROM transfers") == 2


async def test_no_more_can_be_pledged_than_was_funded(funded: Pool):
    with pytest.raises(BalanceFloor):
        await post(funded, Posting("pledge/2", TransferStep.PLEDGE, BUDGET, PLEDGED, 401, "too much"))
    await post(funded, Posting("pledge/2", TransferStep.PLEDGE, BUDGET, PLEDGED, 400, "all of it"))
    assert (await read_balances(funded)).budget.minor == 0


async def test_concurrent_pledges_succeed_as_far_as_the_budget_reaches(dsn: str, funded: Pool):
    postings = [Posting(f"pledge/{n}", TransferStep.PLEDGE, BUDGET, PLEDGED, 100, "at once") for n in range(2, 12)]
    async with database.open_pool(dsn, 10) as many:
        results = await asyncio.gather(*(post(many, posting) for posting in postings), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["BalanceFloor"] * 6 + ["NoneType"] * 4
    assert (await read_balances(funded)).budget.minor == 0


@pytest.mark.parametrize(
    ("posting", "constraint"),
    [
        (Posting("x", TransferStep.PLEDGE, BUDGET, PAYABLE, 1, "two steps"), "transfers_move_one_step"),
        (Posting("x", TransferStep.FUND, BUDGET, PLEDGED, 1, "wrong step"), "transfers_move_one_step"),
        (Posting("x", TransferStep.PLEDGE, PLEDGED, BUDGET, 1, "back, naming nothing"), "transfers_move_one_step"),
        (Posting("x", TransferStep.PLEDGE, BUDGET, PLEDGED, 1, "r", FUNDED.transfer_id), "transfers_move_one_step"),
        (Posting("x", TransferStep.PLEDGE, BUDGET, PLEDGED, 0, "nothing"), "transfers_amount_is_positive"),
        (Posting("x", TransferStep.PLEDGE, BUDGET, PLEDGED, -1, "less than nothing"), "transfers_amount_is_positive"),
        (Posting("x", TransferStep.PLEDGE, BUDGET, PLEDGED, 1, ""), "transfers_reference_is_bounded"),
        (Posting("x", TransferStep.PLEDGE, BUDGET, PLEDGED, 1, "x" * 501), "transfers_reference_is_bounded"),
        (Posting("", TransferStep.PLEDGE, BUDGET, PLEDGED, 1, "no key"), "transfers_idempotency_key_is_bounded"),
        (
            Posting("x" * 301, TransferStep.PLEDGE, BUDGET, PLEDGED, 1, "long key"),
            "transfers_idempotency_key_is_bounded",
        ),
        (Posting("x", TransferStep.PLEDGE, BUDGET, BUDGET, 1, "to itself"), "transfers_accounts_differ"),
        (
            Posting("x", TransferStep.PLEDGE, BUDGET, PLEDGED._replace(currency="JPY"), 1, "changed on the way"),
            "transfers_to_account_has_this_kind_and_currency",
        ),
        (
            Posting("x", TransferStep.FUND, WORLD, BUDGET._replace(currency="yen"), 1, "no currency"),
            "accounts_currency_is_iso_4217",
        ),
        (
            Posting("x", TransferStep.FUND, WORLD, Account("pocket", "CNY"), 1, "no such kind"),
            "accounts_kind_is_known",
        ),
    ],
)
async def test_what_breaks_a_rule_is_refused_by_the_constraint_that_states_it(
    funded: Pool, posting: Posting, constraint: str
):
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await post(funded, posting)
    assert constraint in (refused.value.constraint_name or "")
    assert await funded.fetchval("SELECT count(*) FROM transfers") == 2


async def test_a_transfer_is_corrected_at_most_once(funded: Pool):
    await post(funded, correction(FIRST, "correct/1", 100))
    await post(funded, correction(FIRST, "correct/1", 100))  # again: the same
    with pytest.raises(AlreadyCorrected):
        await post(funded, correction(FIRST, "correct/2", 100))
    assert (await read_balances(funded)).pledged.minor == 500


async def test_of_corrections_at_the_same_time_one_wins(dsn: str, funded: Pool):
    postings = [correction(FIRST, f"correct/{n}", 100) for n in range(10)]
    async with database.open_pool(dsn, 10) as many:
        results = await asyncio.gather(*(post(many, posting) for posting in postings), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["AlreadyCorrected"] * 9 + ["NoneType"]
    assert (await read_balances(funded)).pledged.minor == 500


async def test_of_the_same_posting_at_the_same_time_one_is_kept(dsn: str, funded: Pool):
    same = Posting("pledge/2", TransferStep.PLEDGE, BUDGET, PLEDGED, 100, "at once")
    async with database.open_pool(dsn, 10) as many:
        await asyncio.gather(*(post(many, same) for _ in range(10)))
    assert (await read_balances(funded)).pledged.minor == 700


async def test_a_first_posting_opens_its_accounts_once_for_all_that_come_at_the_same_time(dsn: str, pool: Pool):
    postings = [replace(FUNDED, key=f"fund/{n}", amount_minor=1) for n in range(20)]
    async with database.open_pool(dsn, 20) as many:
        await asyncio.gather(*(post(many, posting) for posting in postings))
    assert await pool.fetchval("SELECT count(*) FROM accounts") == 2
    assert (await read_balances(pool)).budget.minor == 20


async def test_twenty_at_once_in_both_directions_wait_for_each_other_without_a_deadlock(dsn: str, funded: Pool):
    pledges = [Posting(f"pledge/{n}", TransferStep.PLEDGE, BUDGET, PLEDGED, 10, "there") for n in range(2, 22)]
    await post(funded, *pledges[:10])
    both = [
        p for pair in zip(pledges[10:], (correction(p, f"back/{p.key}") for p in pledges), strict=False) for p in pair
    ]
    async with database.open_pool(dsn, 20) as many:
        await asyncio.gather(*(post(many, posting) for posting in both))
    balances = await read_balances(funded)
    assert (balances.budget.minor, balances.pledged.minor, balances.pledged.version) == (300, 700, 31)
    versions = await funded.fetch(
        """SELECT to_version AS version FROM transfers JOIN accounts ON account_id = to_account WHERE kind = 'pledged'
        UNION ALL SELECT from_version FROM transfers JOIN accounts ON account_id = from_account
        WHERE kind = 'pledged' ORDER BY version"""
    )
    assert [row["version"] for row in versions] == list(range(1, 32))


async def test_the_balance_after_is_that_of_the_order_of_commits_not_of_beginnings(dsn: str, funded: Pool):
    async with database.open_pool(dsn, 2) as two, two.acquire() as first, two.acquire() as second:
        transaction = first.transaction()
        await transaction.start()
        await first.fetchval("SELECT now()")  # begins first, posts second
        async with second.transaction():
            await post_transfer(second, Posting("pledge/2", TransferStep.PLEDGE, BUDGET, PLEDGED, 7, "begun second"))
        await post_transfer(first, Posting("pledge/3", TransferStep.PLEDGE, BUDGET, PLEDGED, 100, "begun first"))
        await transaction.commit()
    newest = await funded.fetchrow(
        "SELECT to_balance_after_minor, recorded_at = (SELECT max(recorded_at) FROM transfers) AS is_latest"
        " FROM transfers WHERE step = 'pledge' ORDER BY to_version DESC LIMIT 1"
    )
    assert tuple(newest) == (707, True)


async def test_a_reversal_takes_the_newest_and_posts_the_excess_again(funded: Pool):
    await post(funded, Posting("pledge/2", TransferStep.PLEDGE, BUDGET, PLEDGED, 50, "more likes"))
    async with funded.acquire() as conn, conn.transaction():
        assert await reverse_amount(conn, TransferStep.PLEDGE, BUDGET, PLEDGED, 80, "unliked") == 80
    assert (await read_balances(funded)).pledged.minor == 570
    async with funded.acquire() as conn, conn.transaction():
        assert await reverse_amount(conn, TransferStep.PLEDGE, BUDGET, PLEDGED, 600, "unliked") == 570
        assert await reverse_amount(conn, TransferStep.PLEDGE, BUDGET, PLEDGED, 1, "nothing is left") == 0
        assert await reverse_amount(conn, TransferStep.PLEDGE, BUDGET, PLEDGED, 0, "nothing is wanted") == 0
    assert (await read_balances(funded)).budget.minor == 1_000


@pytest.mark.breaks_invariants  # settles without a settlement
async def test_settled_money_is_not_taken_back(funded: Pool):
    await post(funded, Posting("settle/1", TransferStep.SETTLE, PLEDGED, PAYABLE, 250, "first period"))
    async with funded.acquire() as conn, conn.transaction():
        assert await reverse_amount(conn, TransferStep.PLEDGE, BUDGET, PLEDGED, 600, "judged fake") == 350
    balances = await read_balances(funded)
    assert (balances.pledged.minor, balances.payable.minor, balances.funded_minor) == (0, 250, 1_000)


async def test_a_reversal_takes_as_many_transfers_as_needed(funded: Pool):
    await post(funded, *(Posting(f"tick/{n}", TransferStep.PLEDGE, BUDGET, PLEDGED, 1, "a tick") for n in range(230)))
    async with funded.acquire() as conn, conn.transaction():
        assert await reverse_amount(conn, TransferStep.PLEDGE, BUDGET, PLEDGED, 225, "unliked") == 225
    assert (await read_balances(funded)).pledged.minor == 605


APPEND_ONLY = [
    "UPDATE transfers SET amount_minor = 1",
    "UPDATE transfers SET reference = 'nicer' WHERE false",
    "DELETE FROM transfers",
    "TRUNCATE transfers CASCADE",
    "DELETE FROM accounts",
    "TRUNCATE accounts CASCADE",
    "UPDATE terms SET amount_minor = 1",
    "DELETE FROM terms",
]

BEYOND_THE_SERVICE = [
    *APPEND_ONLY,
    "UPDATE accounts SET kind = 'world'",
    "UPDATE leaf_queue SET body = ''",
    "DELETE FROM leaf_queue",
    "UPDATE campaigns SET floor_minor = 0",
    "DELETE FROM campaigns",
    "DELETE FROM likes",
    "UPDATE like_batches SET root = ''",
    "DELETE FROM like_batches",
    "ALTER TABLE transfers DISABLE TRIGGER ALL",
    "DROP TABLE transfers CASCADE",
]
BEYOND_A_READER = [
    *BEYOND_THE_SERVICE,
    *(f"INSERT INTO {table} DEFAULT VALUES" for table in ("transfers", "accounts", "leaf_queue", "likes", "terms")),
    *(
        f"TABLE {table}"
        for table in ("likes", "person_days", "like_batches", "platform_keys", "deliveries", "account_salts")
    ),
    "SELECT account FROM charities",
    "SELECT promise FROM terms",
    "SELECT payee FROM payout_steps",
]


async def test_not_even_the_owner_changes_append_only_rows(funded: Pool, owner: Connection):
    for statement in APPEND_ONLY:
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await owner.execute(statement)
    assert await funded.fetchval("SELECT sum(amount_minor) FROM transfers") == 1_600


@pytest.mark.parametrize(
    ("role", "statements"),
    [("like_ledger_service", BEYOND_THE_SERVICE), ("like_ledger_reader", BEYOND_A_READER)],
)
async def test_a_role_lacks_rights_beyond_its_task(owner: Connection, role: str, statements: list[str]):
    await owner.execute(f"SET ROLE {role}")
    for statement in statements:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(statement)


@pytest.mark.parametrize("side", ["campaign", "charity"])
def test_money_never_moves_between_two(side: str) -> None:
    here, there = BUDGET._replace(**{side: "here"}), PLEDGED._replace(**{side: "there"})
    with pytest.raises(ValueError, match=side):
        replace(FIRST, source=here, target=there)
