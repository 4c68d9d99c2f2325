"""The largest leaves fit an entry of the log: tlog-tiles gives its length in two bytes."""

from datetime import date, timedelta

from campaigns.pledging.pledge import FOLD_BATCHES_MAX, LEAF_DAYS_MAX
from campaigns.promise.bank_account import OtherAccount
from campaigns.promise.model import Beneficiary, LocalizedText, Promise, canonical_json
from ledger.log.account_hash import hash_promise_accounts
from ledger.publication.outbox import leaf_body
from running_service import promise

ENTRY_BYTES_MAX = 65_535
PROMISE_BYTES_MAX = 60_000
LIKES_MAX, BATCH_ID_MAX, BATCH_SIZE_MAX = 10**12, 10**12, 10**5


def test_a_fold_of_most_batches_and_days_fits():
    names = ("counted", "withdrawn", "void", "quarantined", "low_quality")
    days = [
        {"day": (date(2026, 1, 1) + timedelta(days=n)).isoformat()} | dict.fromkeys(names, LIKES_MAX)
        for n in range(LEAF_DAYS_MAX)
    ]
    batches = [[BATCH_ID_MAX, BATCH_SIZE_MAX, "f" * 64]] * FOLD_BATCHES_MAX
    assert len(leaf_body("count", {"campaign": "c" * 63, "days": days, "batches": batches})) <= ENTRY_BYTES_MAX


def largest_promise(name_chars: int) -> Promise:
    name = LocalizedText(zh="字" * (name_chars // 2), en="x" * (name_chars // 2))
    account = OtherAccount(scheme="a", id="1")  # the shorter the account, the more its hash adds
    beneficiaries = [Beneficiary(charity=f"c{n}", name=name, share_bp=100, account=account) for n in range(100)]
    terms = promise().terms.model_copy(update={"beneficiaries": beneficiaries})
    return promise().model_copy(update={"terms": terms})


def test_the_largest_promise_fits_with_hashed_accounts():
    largest = next(p for p in map(largest_promise, range(400, 0, -1)) if len(canonical_json(p)) <= PROMISE_BYTES_MAX)
    assert len(canonical_json(largest)) > PROMISE_BYTES_MAX - 300
    promised = largest.model_dump(mode="json", exclude_none=True)
    body = {
        "campaign": "c" * 63,
        "version": 10**9,
        "from_day": "2026-01-01",
        "promise": hash_promise_accounts(promised, {"1": "0" * 32}),
    }
    assert len(leaf_body("terms", body)) <= ENTRY_BYTES_MAX
