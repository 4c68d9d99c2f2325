"""Responses of witnesses, without I/O."""

from ledger.log.cosignature import parse_witness_key
from ledger.publication.witness_client import WitnessFailure, WitnessResponse, parse_response
from witness import Witness

LOG_VKEY = "ledger.example.org/log+00000000+AA=="


def test_a_response_that_is_not_text_is_a_failure():
    key = parse_witness_key(Witness(LOG_VKEY).vkey)
    for body in (b"\xff\xfe", b"\x00", "— é".encode()):
        assert isinstance(
            parse_response(WitnessResponse(200, "text/plain", body), b"o\n1\nx\n\n", key),
            WitnessFailure,
        )
