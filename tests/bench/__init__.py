"""The benchmark: `python -m tests.bench`. Each figure beside its yardstick, in one run, on one PostgreSQL.

__main__  → run      which figures, on which database, in which sizes
run       → stages   intake, singles, stored, reading, endurance: one file a part of issue-sized questions
stages    → stage    a database, a service as its own process, a campaign
          → load     senders and readers as their own processes
          → raw, yardsticks   what each figure stands beside
          → figures  value, yardstick, ratio, bar
"""
