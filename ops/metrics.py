"""What Prometheus reads: one registry a service, names and units after Prometheus's conventions."""

from collections import Counter as Tally
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from campaigns.intake.like_state import Outcome
from ledger.payouts.callbacks import Heard

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_LIKES = (1, 5, 10, 50, 100, 200, 500, 1_000, 2_000, 4_000)


class Metrics:
    """Every figure of the service; intake and the jobs tell it what they did."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self.registry}
        self.likes = Counter("like_ledger_likes", "Likes and unlikes decided, by outcome", ["outcome"], **own)
        self.batch_likes = Histogram("like_ledger_batch_likes", "Likes a transaction", buckets=_LIKES, **own)
        self.batch_seconds = Histogram("like_ledger_batch_seconds", "Time a transaction", buckets=_SECONDS, **own)
        self.again = Counter("like_ledger_tries_again", "Transactions done again, by reason", ["reason"], **own)
        self.queue_likes = Gauge("like_ledger_queue_likes", "Likes that wait to be recorded", **own)
        self.refused = Counter("like_ledger_deliveries_refused", "Deliveries refused, by problem", ["problem"], **own)
        self.tick_lag = Gauge("like_ledger_tick_lag_seconds", "How long the oldest batch waited for its tick", **own)
        self.tick_seconds = Histogram("like_ledger_tick_seconds", "Time a tick", buckets=_SECONDS, **own)
        self.job_failures = Counter("like_ledger_job_failures", "Runs of a job that failed", ["job"], **own)
        self.pledged = Gauge("like_ledger_pledged_minor", "Pledged so far, minor units", ["campaign"], **own)
        self.settlements_overdue = Gauge(
            "like_ledger_settlements_overdue", "Campaigns with a closed period and no settlement of it", **own
        )
        self.payout_unknown = Gauge(
            "like_ledger_payout_unknown_seconds", "How long the oldest payout is being sent without an answer", **own
        )
        self.payout_waiting = Gauge(
            "like_ledger_payout_waiting_seconds", "How long the oldest payout waits to be approved or sent", **own
        )
        self.proposals_waiting = Gauge(
            "like_ledger_proposals_waiting_seconds", "How long the oldest proposal waits for a second person", **own
        )
        self.proposals_overdue = Gauge(
            "like_ledger_proposals_overdue_seconds", "How long an approved proposal's hold is over, undone", **own
        )
        self.payout_answers = Counter(
            "like_ledger_payout_answers",
            "Answers that the payment service sent, by what became of them",
            ["heard"],
            **own,
        )
        self.lines_unmatched = Gauge(
            "like_ledger_statement_lines_unmatched", "Statement lines that are of no payout", **own
        )
        self.check_failures = Gauge("like_ledger_check_failures", "Invariants broken at the last check", **own)
        self.checked_at = Gauge("like_ledger_checked_at_seconds", "When all invariants were last checked", **own)
        self.sign_ins_failed = Counter(
            "like_ledger_sign_ins_failed", "Attempts to sign in that failed, or came too often", ["reason"], **own
        )
        self.log_size = Gauge("like_ledger_log_leaves", "Leaves of the public log", **own)
        self.log_sequenced_at = Gauge("like_ledger_log_sequenced_at_seconds", "When the log last grew", **own)
        self.witness_owes = Gauge(
            "like_ledger_witness_owes_seconds", "How long a witness has not cosigned what is new", ["witness"], **own
        )
        self._begin()

    def _begin(self) -> None:
        """Show every label that is known, so that a rate begins at nothing and not at the first."""
        for outcome in Outcome:
            self.likes.labels(outcome.value)
        for reason in ("unknown", "limited"):
            self.sign_ins_failed.labels(reason)
        for heard in Heard:
            self.payout_answers.labels(heard.value)

    def committed(self, outcomes: Tally[Outcome], deliveries: int, seconds: float) -> None:  # noqa: ARG002
        """Tell of a group that was committed."""
        for outcome, likes in outcomes.items():
            self.likes.labels(outcome.value).inc(likes)
        self.batch_likes.observe(outcomes.total())
        self.batch_seconds.observe(seconds)

    def tried_again(self, reason: str) -> None:
        """Tell of a group that must be committed again."""
        self.again.labels(reason).inc()
