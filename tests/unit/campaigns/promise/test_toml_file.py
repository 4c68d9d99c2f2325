"""A promise as a file: taken whole, or refused whole with everything that is wrong with it."""

import pytest

from campaigns.errors import PromiseRefused
from campaigns.promise.diff import diff_promises
from campaigns.promise.model import canonical_json
from campaigns.promise.toml_file import FILE_BYTES_MAX, parse_promise
from promises import PROMISE, promise, promise_toml


def refused(file: bytes) -> dict[str, str]:
    with pytest.raises(PromiseRefused) as refusal:
        parse_promise(file)
    return {fault.path: fault.reason for fault in refusal.value.field_errors}


def test_a_promise_is_read_with_its_defaults():
    read_promise = promise()
    assert read_promise.campaign.slug == "rural-education"
    assert (read_promise.terms.rate.amount_minor, read_promise.terms.rate.per_likes) == (1, 3)
    assert [b.share_bp for b in read_promise.terms.beneficiaries] == [7000, 3000]
    assert (read_promise.settlement.cron, read_promise.settlement.automatic) == ("0 3 * * mon", True)


def test_a_byte_order_mark_is_no_fault():
    assert canonical_json(parse_promise(b"\xef\xbb\xbf" + PROMISE.encode())) == canonical_json(promise())


SECOND_SHARE = 'share_bp = 3000\naccount = { iban = "GB82WEST12345698765432" }'


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ('slug = "rural-education"', 'slug = "Rural"', "campaign.slug", "pattern"),
        ('slug = "rural-education"', "slug = 7", "campaign.slug", "string"),
        ('sponsor = "Example Foundation"\n', "", "campaign.sponsor", "required"),
        ('"CNY"', '"XXX"', "campaign.currency", "ISO 4217"),
        ("Asia/Shanghai", "Asia/Nowhere", "campaign.timezone", "IANA"),
        ("2026-11-01T00:00:00+08:00", "2026-11-01T00:00:00", "campaign.starts_at", "timezone"),
        ("2026-12-01", "2026-10-01", "campaign.ends_at", "after starts_at"),
        ("2026-12-01", "2046-12-01", "campaign.ends_at", "3660 days"),
        ("late_days = 36500", "late_days = 36500.0", "campaign.late_days", "integer"),
        ("late_days = 36500", "late_days = 7\ncolour = 1", "campaign.colour", "not permitted"),
        ("floor_minor = 0", "floor_minor = -1", "campaign.floor_minor", "greater"),
        ("floor_minor = 0", "floor_minor = 9007199254740992", "campaign.floor_minor", "less"),
        ("per_likes = 3", "per_likes = 0", "terms.rate.per_likes", "greater"),
        ("share_bp = 3000", "share_bp = 2999", "terms.beneficiaries", "add up to 9999, not 10000"),
        ("share_bp = 3000", 'share_bp = "3000"', "terms.beneficiaries.1.share_bp", "integer"),
        ('"mobile-libraries"', '"village-schools"', "terms.beneficiaries", "named 2 times"),
        ("GB82WEST", "GB83WEST", "terms.beneficiaries.1.account.iban", "check digits"),
        ("id = ", "number = ", "terms.beneficiaries.0.account.id", "required"),
        (SECOND_SHARE, "share_bp = 3000", "terms.beneficiaries.1.account", "required"),
        (SECOND_SHARE, "share_bp = 3000\naccount = 7", "terms.beneficiaries.1.account", "dictionary"),
        ("[terms]", '[settlement]\ncron = "0 3 * * 1"\n[terms]', "settlement.cron", "name the weekday"),
        ("[terms]", '[settlement]\ncron = "0 3 * *"\n[terms]', "settlement.cron", "five fields"),
        ("[terms]", '[agreement]\nurl = "http://a"\nsha256 = "0"\n[terms]', "agreement.url", "pattern"),
    ],
)
def test_a_fault_is_told_with_its_path(old: str, new: str, path: str, words: str):
    assert words in refused(promise_toml((old, new)).encode())[path]


def test_every_fault_is_told_at_once():
    wrong = promise_toml(
        ('"CNY"', '"XXX"'),
        ("2026-12-01", "2026-10-01"),
        ("share_bp = 3000", "share_bp = 1"),
        ("[terms]", '[settlement]\ncron = "x"\n[terms]'),
    )
    assert set(refused(wrong.encode())) == {
        "campaign.currency",
        "campaign.ends_at",
        "terms.beneficiaries",
        "settlement.cron",
    }


def test_no_fault_repeats_what_stands_in_the_file_or_sends_elsewhere():
    faults = refused(promise_toml(('id = "6222020200112233445"', 'id = "不是账号 9876543210"')).encode())
    assert faults
    assert "9876543210" not in str(faults)
    assert "http" not in str(faults)


@pytest.mark.parametrize(
    ("file", "path", "words"),
    [
        (b"[campaign]\nslug = \n", "line 2, column 8", "Invalid value"),
        (b"[campaign", "end of document", "Expected"),
        (b'[campaign]\nslug = "\xff"', "line 2", "not UTF-8"),
        (b"a = " + b"[" * 20_000, "promise", "nested too deeply"),
        (b"a = " + b"9" * 5_000, "promise", "digits"),
        (b"#" * (FILE_BYTES_MAX + 1), "promise", "at most"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(file: bytes, path: str, words: str):
    assert words in refused(file)[path]


def test_an_empty_file_lacks_both_its_parts():
    assert refused(b"") == {"campaign": "Field required", "terms": "Field required"}


def test_a_promise_too_long_for_the_log_is_refused():
    long_name = f'name = {{ zh = "{"字" * 200}", en = "{"𝔸" * 200}" }}\n'
    account = 'account = { scheme = "other", id = "1" }\n'
    many = [f'[[terms.beneficiaries]]\ncharity = "c{n}"\n{long_name}share_bp = 100\n{account}' for n in range(100)]
    file = PROMISE[: PROMISE.index("[[terms")] + "".join(many)
    assert "at most 60000" in refused(file.encode())["promise"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([], []),
        ([("per_likes = 3", "per_likes = 2")], [("terms.rate.per_likes", "3", "2")]),
        (
            [("daily_cap_minor = 500\n", "")],
            [("terms.daily_cap_minor", "500 (5.00 CNY)", None)],
        ),
        (
            [("daily_cap_minor = 500", "daily_cap_minor = 500\nlikes_per_person_per_day = 20")],
            [("terms.likes_per_person_per_day", None, "20")],
        ),
        ([("floor_minor = 0", "floor_minor = 1234")], [("campaign.floor_minor", "0 (0.00 CNY)", "1234 (12.34 CNY)")]),
        (
            [('iban = "GB82WEST12345698765432"', 'scheme = "other", id = "1"')],
            [
                ("terms.beneficiaries.1.account.scheme", None, "other"),
                ("terms.beneficiaries.1.account.id", None, "1"),
                ("terms.beneficiaries.1.account.iban", "GB82WEST12345698765432", None),
            ],
        ),
        ([("2026-11-01T00:00:00+08:00", "2026-10-31T16:00:00Z")], []),  # the same moment, spelt otherwise
        ([("late_days = 36500", "late_days = 36500\nhold_days = 3")], []),  # what is left out has that value
    ],
)
def test_a_difference_is_told_value_by_value(
    changes: list[tuple[str, str]], told: list[tuple[str, str | None, str | None]]
):
    assert [tuple(change) for change in diff_promises(promise(), promise(*changes))] == told


def test_a_new_promise_differs_in_every_value():
    changes = diff_promises(None, promise())
    assert all(change.before is None for change in changes)
    assert {"campaign.slug", "terms.rate.per_likes", "terms.beneficiaries.1.share_bp", "settlement.cron"} <= {
        change.path for change in changes
    }


def test_changes_read_as_lines():
    more = promise(("per_likes = 3", "per_likes = 2"), ("daily_cap_minor = 500", "likes_per_person_per_day = 20"))
    assert list(map(str, diff_promises(promise(), more))) == [
        "terms.rate.per_likes: 3 → 2",
        "terms.likes_per_person_per_day = 20",
        "terms.daily_cap_minor: 500 (5.00 CNY) → none",
    ]
