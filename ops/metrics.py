"""The Prometheus metrics of the service: one registry, names and units by Prometheus's conventions."""

from collections import Counter as Tally
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from campaigns.intake.like_state import Outcome
from ledger.payouts.callbacks import Heard

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_LIKES = (1, 5, 10, 50, 100, 200, 500, 1_000, 2_000, 4_000)


class Metrics:
    """All metrics of the service; intake, the jobs and the HTTP handlers update them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        options: dict[str, Any] = {"registry": self.registry}
        self._add_likes(options)
        self._add_money(options)
        self._add_operations(options)
        self._begin()

    def _add_likes(self, options: dict[str, Any]) -> None:
        self.likes = Counter("like_ledger_likes", "Likes and unlikes decided, by outcome", ["outcome"], **options)
        self.batch_likes = Histogram(
            "like_ledger_intake_commit_likes", "Likes per transaction", buckets=_LIKES, **options
        )
        self.batch_seconds = Histogram(
            "like_ledger_intake_commit_duration_seconds", "Duration of a transaction", buckets=_SECONDS, **options
        )
        self.again = Counter(
            "like_ledger_transaction_retries", "Transactions that were retried, by reason", ["reason"], **options
        )
        self.queue_likes = Gauge("like_ledger_intake_queue_likes", "Likes in the queue of intake", **options)
        self.refused = Counter(
            "like_ledger_deliveries_refused", "Deliveries that were refused, by problem", ["problem"], **options
        )
        self.tick_lag = Gauge("like_ledger_pledge_lag_seconds", "Age of the oldest unfolded batch", **options)
        self.tick_seconds = Histogram(
            "like_ledger_pledge_duration_seconds", "Duration of a tick", buckets=_SECONDS, **options
        )

    def _add_money(self, options: dict[str, Any]) -> None:
        self.pledged = Gauge("like_ledger_pledged_minor", "Pledged so far, minor units", ["campaign"], **options)
        self.settlements_overdue = Gauge(
            "like_ledger_settlements_overdue", "Campaigns with a closed period without a settlement", **options
        )
        self.payout_unknown = Gauge(
            "like_ledger_payout_sending_age_seconds", "Age of the oldest payout in state sending", **options
        )
        self.payout_waiting = Gauge(
            "like_ledger_payout_pending_age_seconds", "Age of the oldest payout in state waiting", **options
        )
        self.payout_answers = Counter(
            "like_ledger_payout_callbacks",
            "Callbacks of the payment service, by result",
            ["result"],
            **options,
        )
        self.lines_unmatched = Gauge(
            "like_ledger_statement_lines_unmatched", "Statement lines without a payout", **options
        )

    def _add_operations(self, options: dict[str, Any]) -> None:
        self.job_failures = Counter("like_ledger_job_failures", "Failed runs of a job", ["job"], **options)
        self.proposals_waiting = Gauge(
            "like_ledger_proposal_pending_age_seconds", "Age of the oldest pending proposal", **options
        )
        self.proposals_overdue = Gauge(
            "like_ledger_proposal_overdue_seconds",
            "Time since the hold of the oldest approved proposal ended",
            **options,
        )
        self.check_failures = Gauge(
            "like_ledger_invariant_violations", "Invariants violated at the last check", **options
        )
        self.checked_at = Gauge(
            "like_ledger_invariants_checked_timestamp_seconds", "When all invariants were last checked", **options
        )
        self.sign_ins_failed = Counter(
            "like_ledger_authentication_failures", "Failed or rate-limited authentications", ["reason"], **options
        )
        self.log_size = Gauge("like_ledger_log_leaves", "Leaves in the public log", **options)
        self.log_sequenced_at = Gauge(
            "like_ledger_log_sequenced_timestamp_seconds", "When the log last grew", **options
        )
        self.witness_owes = Gauge(
            "like_ledger_witness_lag_seconds", "Age of the oldest checkpoint not yet cosigned", ["witness"], **options
        )

    def _begin(self) -> None:
        """Create all known labels at zero, so that a rate sees the first increment."""
        for outcome in Outcome:
            self.likes.labels(outcome.value)
        for reason in ("invalid_credentials", "rate_limited"):
            self.sign_ins_failed.labels(reason)
        for heard in Heard:
            self.payout_answers.labels(heard.value)

    def committed(self, outcomes: Tally[Outcome], deliveries: int, seconds: float) -> None:  # noqa: ARG002
        """Count a committed group."""
        for outcome, likes in outcomes.items():
            self.likes.labels(outcome.value).inc(likes)
        self.batch_likes.observe(outcomes.total())
        self.batch_seconds.observe(seconds)

    def tried_again(self, reason: str) -> None:
        """Count a group that must be retried."""
        self.again.labels(reason).inc()
