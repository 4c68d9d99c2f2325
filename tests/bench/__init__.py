"""The benchmark: `python -m tests.bench`. Each figure beside its yardstick, in one run.

__main__  → run      chooses parts, database and sizes
run       → parts    intake, singles, stored, reading, endurance, logcost, proofs: a file each
parts     → stage    a database, a service as a separate process, a campaign
          → load     senders and readers as separate processes
          → raw, yardsticks   the comparisons
          → figures  value, yardstick, ratio, bar
"""
