"""`python -m ops.cli` is `like-ledger`."""

from ops.cli import main

main()
