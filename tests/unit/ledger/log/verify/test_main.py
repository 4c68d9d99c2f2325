"""The verifier's command line: the required witnesses."""

import pytest

from ledger.log.cosignature import Quorum, WitnessKey, format_witness_key
from ledger.log.note import MalformedKey, make_signer
from ledger.log.verify.__main__ import parse_quorum

KEY, OTHER_KEY = (
    WitnessKey(name, make_signer(name, bytes(32)).verifier_key.public_key)
    for name in ("witness.example/w1", "witness.example/w2")
)
VKEY = format_witness_key(KEY)


def test_a_repeated_witness_counts_once():
    other = format_witness_key(OTHER_KEY)
    assert parse_quorum([VKEY, other, VKEY], None) == Quorum((KEY, OTHER_KEY), 2)
    assert parse_quorum([VKEY, other], 1) == Quorum((KEY, OTHER_KEY), 1)
    assert parse_quorum([], None) == Quorum((), 0)
    for keys, needed in (([VKEY, VKEY], 2), ([], 1), ([VKEY], -1)):
        with pytest.raises(MalformedKey, match="cannot be required"):
            parse_quorum(keys, needed)
