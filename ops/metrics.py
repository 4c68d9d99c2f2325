"""The Prometheus metrics of the service: one registry, names and units by its conventions."""

import itertools
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from campaigns.intake.like_state import LikeVerdict, Outcome
from campaigns.judging.errors import RuleFailure
from campaigns.judging.pass_result import PassResult
from ledger.payouts.callbacks import CallbackResult
from ops.outages import OutageRecorder
from sql import Outage

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
AFTER_COMMIT_COMMANDS = ("settlement.send",)  # commands that call other services after their commit
_LIKES = (1, 5, 10, 50, 100, 200, 500, 1_000, 2_000, 4_000)


class Metrics:
    """All metrics of the service; intake, the jobs and the HTTP handlers update them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        options: dict[str, Any] = {"registry": self.registry}
        self._add_likes(options)
        self._add_money(options)
        self._add_judging(options)
        self._add_operations(options)
        self._initialize_labels()
        self.outages = OutageRecorder(lambda outage: self.database_outages.labels(outage.code).inc())

    def _add_likes(self, options: dict[str, Any]) -> None:
        self.likes = Counter("like_ledger_likes", "Likes and unlikes decided, by outcome", ["outcome"], **options)
        self.intake_commit_likes = Histogram(
            "like_ledger_intake_commit_likes", "Likes per transaction", buckets=_LIKES, **options
        )
        self.intake_commit_duration_seconds = Histogram(
            "like_ledger_intake_commit_duration_seconds", "Duration of a transaction", buckets=_SECONDS, **options
        )
        self.transaction_retries = Counter(
            "like_ledger_transaction_retries", "Transactions that were retried, by reason", ["reason"], **options
        )
        self.intake_response_seconds = Histogram(
            "like_ledger_intake_response_seconds",
            "Time until a platform's delivery of its own kind is answered",
            ["kind"],
            buckets=_SECONDS,
            **options,
        )
        self.unread_events = Counter(
            "like_ledger_unread_events",
            "Parts of deliveries that could not be read",
            ["platform"],
            **options,
        )
        self.intake_queue_likes = Gauge("like_ledger_intake_queue_likes", "Likes in the queue of intake", **options)
        self.deliveries_refused = Counter(
            "like_ledger_deliveries_refused", "Deliveries that were refused, by problem", ["problem"], **options
        )
        self.pledge_lag_seconds = Gauge(
            "like_ledger_pledge_lag_seconds", "Age of the oldest unfolded batch", **options
        )
        self.pledge_duration_seconds = Histogram(
            "like_ledger_pledge_duration_seconds", "Duration of a tick", buckets=_SECONDS, **options
        )

    def _add_money(self, options: dict[str, Any]) -> None:
        self.pledged_minor = Gauge(
            "like_ledger_pledged_minor", "Pledged so far, minor units", ["campaign"], **options
        )
        self.settlements_overdue = Gauge(
            "like_ledger_settlements_overdue", "Campaigns with a closed period without a settlement", **options
        )
        self.clock_refused = Gauge(
            "like_ledger_clock_refused", "1 while settling waits because the clocks differ or jumped", **options
        )
        self.payout_sending_age_seconds = Gauge(
            "like_ledger_payout_sending_age_seconds", "Age of the oldest payout in state sending", **options
        )
        self.payout_pending_age_seconds = Gauge(
            "like_ledger_payout_pending_age_seconds", "Age of the oldest payout in state waiting", **options
        )
        self.payment_statuses_unmatched = Gauge(
            "like_ledger_payment_statuses_unmatched", "Bank statuses that wait for a person", **options
        )
        self.payouts_overdue = Gauge(
            "like_ledger_payouts_overdue",
            "Payouts in state sent for longer than LIKE_LEDGER_PAYOUT_SENT_DAYS",
            **options,
        )
        self.payout_callbacks = Counter(
            "like_ledger_payout_callbacks",
            "Callbacks of the payment service, by result",
            ["result"],
            **options,
        )
        self.statement_lines_unmatched = Gauge(
            "like_ledger_statement_lines_unmatched", "Statement lines without a payout", **options
        )

    def _add_judging(self, options: dict[str, Any]) -> None:
        self.judge_lag_seconds = Gauge(
            "like_ledger_judge_lag_seconds", "Age of the oldest unjudged observation", **options
        )
        self.judged_likes = Counter("like_ledger_judged_likes", "Like events that a pass has judged", **options)
        self.findings = Counter(
            "like_ledger_findings", "Findings of rules, by family and mode", ["family", "mode"], **options
        )
        self.verdicts = Counter(
            "like_ledger_verdicts",
            "Verdicts about likes, by state and who decided",
            ["state", "decided_by"],
            **options,
        )
        self.open_cases = Gauge("like_ledger_open_cases", "Cases that wait for a decision", **options)
        self.oldest_case_seconds = Gauge("like_ledger_oldest_case_seconds", "Age of the oldest open case", **options)
        self.appeals = Counter(
            "like_ledger_appeals", "Appeals by outcome; `opened` counts all, and each instance counts alike",
            ["outcome"], **options,
        )  # fmt: skip
        self._counted_appeals: Mapping[str, int] = {}
        self.rule_failures = Counter(
            "like_ledger_rule_failures", "Passes that failed, by the rule at fault", ["rule"], **options
        )
        self.observations_oldest_seconds = Gauge(
            "like_ledger_observations_oldest_seconds", "Age of the oldest stored observation", **options
        )
        self.observations_without_partition = Gauge(
            "like_ledger_observations_without_partition",
            "Batches of observations outside the partitions of days; at most 1,000 are counted",
            **options,
        )

    def _add_operations(self, options: dict[str, Any]) -> None:
        self.job_failures = Counter("like_ledger_job_failures", "Failed runs of a job", ["job"], **options)
        self.job_skips = Counter(
            "like_ledger_job_skips", "Runs of a job left out because the one before still ran", ["job"], **options
        )
        self.database_outages = Counter(
            "like_ledger_database_outages",
            "Requests and jobs that the database could not serve, by outage",
            ["outage"],
            **options,
        )
        self.after_commit_failures = Counter(
            "like_ledger_after_commit_failures",
            "Commands whose work after the commit failed",
            ["command"],
            **options,
        )
        self.proposal_pending_age_seconds = Gauge(
            "like_ledger_proposal_pending_age_seconds", "Age of the oldest pending proposal", **options
        )
        self.proposal_overdue_seconds = Gauge(
            "like_ledger_proposal_overdue_seconds",
            "Time since the hold of the oldest approved proposal ended",
            **options,
        )
        self.invariant_violations = Gauge(
            "like_ledger_invariant_violations", "Invariants violated at the last check", **options
        )
        self.invariants_checked_timestamp_seconds = Gauge(
            "like_ledger_invariants_checked_timestamp_seconds", "When all invariants were last checked", **options
        )
        self.authentication_failures = Counter(
            "like_ledger_authentication_failures", "Failed or rate-limited authentications", ["reason"], **options
        )
        self.log_leaves = Gauge("like_ledger_log_leaves", "Leaves in the public log", **options)
        self.log_sequenced_timestamp_seconds = Gauge(
            "like_ledger_log_sequenced_timestamp_seconds", "When the log last grew", **options
        )
        self.log_signing_refused = Gauge(
            "like_ledger_log_signing_refused", "1 while the log refuses to sign a second history", **options
        )
        self.witness_lag_seconds = Gauge(
            "like_ledger_witness_lag_seconds", "Age of the oldest checkpoint not yet cosigned", ["witness"], **options
        )

    def _initialize_labels(self) -> None:
        """Create all known labels at zero, so that a rate sees the first increment."""
        for outcome in Outcome:
            self.likes.labels(outcome.value)
        for reason in ("invalid_credentials", "rate_limited"):
            self.authentication_failures.labels(reason)
        for result in CallbackResult:
            self.payout_callbacks.labels(result.value)
        for decision in itertools.product(LikeVerdict, ("rules", "people")):
            self.verdicts.labels(*decision)
        for outage in Outage:
            self.database_outages.labels(outage.code)
        for command in AFTER_COMMIT_COMMANDS:
            self.after_commit_failures.labels(command)

    def record_appeals(self, appeals: Mapping[str, int]) -> None:
        """Raise the counters to the stored numbers of appeals."""
        for outcome, number in appeals.items():
            self.appeals.labels(outcome).inc(max(0, number - self._counted_appeals.get(outcome, 0)))
        self._counted_appeals = appeals

    def record_pass(self, result: PassResult) -> None:
        """Count what a pass judged, found and decided."""
        self.judged_likes.inc(result.judged)
        for labels, findings in result.findings.items():
            self.findings.labels(*labels).inc(findings)
        for labels, likes in result.verdicts.items():
            self.verdicts.labels(*labels).inc(likes)

    def record_rule_failures(self, errors: Iterable[Exception]) -> None:
        """Count the passes that failed, by the rule at fault."""
        for error in errors:
            if isinstance(error, RuleFailure):
                self.rule_failures.labels(error.rule).inc()

    def record_commit(self, outcomes: Tally[Outcome], deliveries: int, seconds: float) -> None:  # noqa: ARG002
        """Count a committed group."""
        for outcome, likes in outcomes.items():
            self.likes.labels(outcome.value).inc(likes)
        self.intake_commit_likes.observe(outcomes.total())
        self.intake_commit_duration_seconds.observe(seconds)

    def record_retry(self, reason: str) -> None:
        """Count a group that must be retried."""
        self.transaction_retries.labels(reason).inc()

    def record_after_commit_failure(self, command: str) -> None:
        """Count a command whose work after the commit failed."""
        self.after_commit_failures.labels(command).inc()
