"""A person's pseudonyms: stable, and impossible to link across campaigns or platforms."""

import itertools

import pytest

from campaigns.catalogue.pseudonyms import PSEUDONYM_BYTES, bucket_of, campaign_key, pseudonymiser

SERVICE_KEY = b"k" * 32


def pseudonym(slug: str, platform: str, person: str, service_key: bytes = SERVICE_KEY) -> bytes:
    return pseudonymiser(campaign_key(service_key, slug), platform)(person)


def test_a_person_has_one_pseudonym_in_a_campaign():
    derive = pseudonymiser(campaign_key(SERVICE_KEY, "rural-education"), "kuaishou")
    assert derive("4854") == derive("4854") == pseudonym("rural-education", "kuaishou", "4854")
    assert len(derive("4854")) == PSEUDONYM_BYTES


def test_it_differs_by_service_campaign_platform_and_person():
    names = ["", "a", "b", "ab", "ba", "赞", "a\x00", "\x00a"]
    pseudonyms = {
        pseudonym(slug, platform, person, service_key)
        for service_key, slug, platform, person in itertools.product([b"k" * 32, b"j" * 32], names, names, names)
    }
    assert len(pseudonyms) == 2 * len(names) ** 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("c", "ab", "c"), ("c", "a", "bc")),
        (("c", "a", "\x00\x01b"), ("c", "a\x00\x01", "b")),
        (("c", "", "\x00\x01ab"), ("c", "a", "b")),  # an imitated length
        (("c", "a", ""), ("c", "", "a")),
    ],
)
def test_the_joined_parts_cannot_be_split_differently(first: tuple[str, str, str], second: tuple[str, str, str]):
    assert pseudonym(*first) != pseudonym(*second)


def test_neither_person_nor_platform_can_be_read_in_it():
    derived = pseudonym("rural-education", "kuaishou", "4854")
    assert b"4854" not in derived
    assert derived.hex() != pseudonymiser(b"", "kuaishou")("4854").hex()


def test_all_of_a_persons_likes_stand_in_one_bucket():
    pseudonyms = [pseudonym("c", "p", str(n)) for n in range(200)]
    assert {bucket_of(person) for person in pseudonyms} == {0}
    assert {bucket_of(person, 4) for person in pseudonyms} == {0, 1, 2, 3}
    assert all(bucket_of(person, 4) == bucket_of(person, 4) for person in pseudonyms)
