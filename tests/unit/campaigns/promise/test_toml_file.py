"""A promise as a file: accepted whole, or refused whole with every error in it."""

import pytest

from campaigns.errors import FieldError, PromiseRefused
from campaigns.promise.model import canonical_json
from campaigns.promise.toml_file import FILE_BYTES_MAX, parse_promise
from ledger.errors import Param
from promises import PROMISE, promise, promise_toml


def error_codes(file: bytes) -> dict[str, str]:
    """Return the code of each error of a file, by its path."""
    with pytest.raises(PromiseRefused) as refusal:
        parse_promise(file)
    return {error.path: error.code for error in refusal.value.field_errors}


def test_a_promise_is_read_with_its_defaults():
    read_promise = promise()
    assert read_promise.campaign.slug == "rural-education"
    assert (read_promise.terms.rate.amount_minor, read_promise.terms.rate.per_likes) == (1, 3)
    assert [b.share_bp for b in read_promise.terms.beneficiaries] == [7000, 3000]
    assert (read_promise.settlement.cron, read_promise.settlement.automatic) == ("0 3 * * mon", True)


def test_a_byte_order_mark_is_no_error():
    assert canonical_json(parse_promise(b"\xef\xbb\xbf" + PROMISE.encode())) == canonical_json(promise())


SECOND_SHARE = 'share_bp = 3000\naccount = { iban = "GB82WEST12345698765432" }'


@pytest.mark.parametrize(
    ("old", "new", "path", "code"),
    [
        ('slug = "rural-education"', 'slug = "Rural"', "campaign.slug", "string_pattern_mismatch"),
        ('slug = "rural-education"', "slug = 7", "campaign.slug", "string_type"),
        ('sponsor = "Example Foundation"\n', "", "campaign.sponsor", "missing"),
        ('"CNY"', '"XXX"', "campaign.currency", "currency_unknown"),
        ("Asia/Shanghai", "Asia/Nowhere", "campaign.timezone", "timezone_unknown"),
        ("2026-11-01T00:00:00+08:00", "2026-11-01T00:00:00", "campaign.starts_at", "timezone_aware"),
        ("2026-12-01", "2026-10-01", "campaign.ends_at", "ends_before_start"),
        ("2026-12-01", "2046-12-01", "campaign.ends_at", "campaign_too_long"),
        ("late_days = 36500", "late_days = 36500.0", "campaign.late_days", "int_type"),
        ("late_days = 36500", "late_days = 7\ncolour = 1", "campaign.colour", "extra_forbidden"),
        ("floor_minor = 0", "floor_minor = -1", "campaign.floor_minor", "greater_than_equal"),
        ("floor_minor = 0", "floor_minor = 9007199254740992", "campaign.floor_minor", "less_than_equal"),
        ("per_likes = 3", "per_likes = 0", "terms.rate.per_likes", "greater_than_equal"),
        ("share_bp = 3000", "share_bp = 2999", "terms.beneficiaries", "shares_not_whole"),
        ("share_bp = 3000", 'share_bp = "3000"', "terms.beneficiaries.1.share_bp", "int_type"),
        ('"mobile-libraries"', '"village-schools"', "terms.beneficiaries", "charity_repeated"),
        ("GB82WEST", "GB83WEST", "terms.beneficiaries.1.account.iban", "iban_check_digits"),
        ("id = ", "number = ", "terms.beneficiaries.0.account.id", "missing"),
        (SECOND_SHARE, "share_bp = 3000", "terms.beneficiaries.1.account", "missing"),
        (SECOND_SHARE, "share_bp = 3000\naccount = 7", "terms.beneficiaries.1.account", "model_type"),
        ("[terms]", '[settlement]\ncron = "0 3 * * 1"\n[terms]', "settlement.cron", "cron_weekday_is_a_digit"),
        ("[terms]", '[settlement]\ncron = "0 3 * *"\n[terms]', "settlement.cron", "cron_needs_five_fields"),
        (
            "[terms]",
            '[agreement]\nurl = "http://a"\nsha256 = "0"\n[terms]',
            "agreement.url",
            "string_pattern_mismatch",
        ),
    ],
)
def test_an_error_has_its_path_and_code(old: str, new: str, path: str, code: str):
    assert error_codes(promise_toml((old, new)).encode())[path] == code


def test_every_error_is_named_at_once():
    wrong = promise_toml(
        ('"CNY"', '"XXX"'),
        ("2026-12-01", "2026-10-01"),
        ("share_bp = 3000", "share_bp = 1"),
        ("[terms]", '[settlement]\ncron = "x"\n[terms]'),
    )
    assert set(error_codes(wrong.encode())) == {
        "campaign.currency",
        "campaign.ends_at",
        "terms.beneficiaries",
        "settlement.cron",
    }


def test_no_error_repeats_the_value_or_sends_elsewhere():
    file = promise_toml(('id = "6222020200112233445"', 'id = "不是账号 9876543210"'))
    with pytest.raises(PromiseRefused) as refusal:
        parse_promise(file.encode())
    assert "9876543210" not in repr(refusal.value.field_errors)
    assert "http" not in repr(refusal.value.field_errors)


def test_an_error_names_its_values():
    file = promise_toml(("share_bp = 3000", "share_bp = 2999"))
    with pytest.raises(PromiseRefused) as refusal:
        parse_promise(file.encode())
    assert refusal.value.field_errors == (
        FieldError("terms.beneficiaries", "shares_not_whole", {"total_bp": 9_999, "whole_bp": 10_000}),
    )


def test_every_error_of_the_beneficiaries_is_named_at_once():
    toml = promise_toml(("share_bp = 3000", "share_bp = 1"))
    first, second = (f"[[terms.beneficiaries]]{part}" for part in toml.split("[[terms.beneficiaries]]")[1:])
    with pytest.raises(PromiseRefused) as refusal:
        parse_promise(f"{toml}\n{first}\n{second}\n{second}".encode())
    assert refusal.value.field_errors == (
        FieldError("terms.beneficiaries", "shares_not_whole", {"total_bp": 14_003, "whole_bp": 10_000}),
        FieldError("terms.beneficiaries", "charity_repeated", {"charity": "village-schools", "times_number": 2}),
        FieldError("terms.beneficiaries", "charity_repeated", {"charity": "mobile-libraries", "times_number": 3}),
    )


@pytest.mark.parametrize(
    ("old", "new", "path", "params"),
    [
        ("floor_minor = 0", "floor_minor = -1", "campaign.floor_minor", {"ge": 0}),
        ('content = "open"', 'content = "mine"', "campaign.content", {"expected": ["open", "registered"]}),
        ("2026-11-01T00:00:00+08:00", '"x"', "campaign.starts_at", {}),  # pydantic's context has a message
    ],
)
def test_the_params_of_an_error_are_bounds_and_choices(old: str, new: str, path: str, params: dict[str, Param]):
    with pytest.raises(PromiseRefused) as refusal:
        parse_promise(promise_toml((old, new)).encode())
    assert {error.path: error.params for error in refusal.value.field_errors}[path] == params


@pytest.mark.parametrize(
    ("file", "path", "code"),
    [
        (b"[campaign]\nslug = \n", "line 2, column 8", "toml_invalid"),
        (b"[campaign", "end of document", "toml_invalid"),
        (b'[campaign]\nslug = "\xff"', "line 2", "file_not_utf8"),
        (b"a = " + b"[" * 20_000, "promise", "toml_nested_too_deeply"),
        (b"a = " + b"9" * 5_000, "promise", "toml_invalid"),
        (b"#" * (FILE_BYTES_MAX + 1), "promise", "file_too_large"),
    ],
)
def test_invalid_toml_is_refused_with_its_line(file: bytes, path: str, code: str):
    assert error_codes(file)[path] == code


def test_an_empty_file_lacks_both_its_parts():
    assert error_codes(b"") == {"campaign": "missing", "terms": "missing"}


def test_a_promise_too_long_for_the_log_is_error_codes():
    long_name = f'name = {{ zh = "{"字" * 200}", en = "{"𝔸" * 200}" }}\n'
    account = 'account = { scheme = "other", id = "1" }\n'
    beneficiaries = [
        f'[[terms.beneficiaries]]\ncharity = "c{n}"\n{long_name}share_bp = 100\n{account}' for n in range(100)
    ]
    file = PROMISE[: PROMISE.index("[[terms")] + "".join(beneficiaries)
    assert error_codes(file.encode()) == {"promise": "promise_too_large"}
