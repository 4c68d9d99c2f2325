"""A person's pseudonyms: the same every time, and never to be linked across campaigns or platforms."""

import itertools

import pytest

from campaigns.catalogue.pseudonyms import PSEUDONYM_BYTES, bucket_of, campaign_key, pseudonymiser

SERVICE_KEY = b"k" * 32


def pseudonym(slug: str, platform: str, person: str, service_key: bytes = SERVICE_KEY) -> bytes:
    return pseudonymiser(campaign_key(service_key, slug), platform)(person)


def test_a_person_has_one_pseudonym_in_a_campaign():
    ask = pseudonymiser(campaign_key(SERVICE_KEY, "rural-education"), "kuaishou")
    assert ask("4854") == ask("4854") == pseudonym("rural-education", "kuaishou", "4854")
    assert len(ask("4854")) == PSEUDONYM_BYTES


def test_it_differs_by_service_campaign_platform_and_person():
    names = ["", "a", "b", "ab", "ba", "赞", "a\x00", "\x00a"]
    found = {
        pseudonym(slug, platform, person, service_key)
        for service_key, slug, platform, person in itertools.product([b"k" * 32, b"j" * 32], names, names, names)
    }
    assert len(found) == 2 * len(names) ** 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("c", "ab", "c"), ("c", "a", "bc")),
        (("c", "a", "\x00\x01b"), ("c", "a\x00\x01", "b")),
        (("c", "", "\x00\x01ab"), ("c", "a", "b")),  # the length of the platform's name made up in the person's id
        (("c", "a", ""), ("c", "", "a")),
    ],
)
def test_what_is_joined_cannot_be_cut_elsewhere(one: tuple[str, str, str], other: tuple[str, str, str]):
    assert pseudonym(*one) != pseudonym(*other)


def test_neither_person_nor_platform_can_be_read_in_it():
    found = pseudonym("rural-education", "kuaishou", "4854")
    assert b"4854" not in found
    assert found.hex() != pseudonymiser(b"", "kuaishou")("4854").hex()


def test_all_of_a_persons_likes_stand_in_one_bucket():
    found = [pseudonym("c", "p", str(n)) for n in range(200)]
    assert {bucket_of(one) for one in found} == {0}
    assert {bucket_of(one, 4) for one in found} == {0, 1, 2, 3}
    assert all(bucket_of(one, 4) == bucket_of(one, 4) for one in found)
