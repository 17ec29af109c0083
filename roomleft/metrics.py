"""What Roomleft says about itself: one registry, every metric declared here, read at /metrics."""

from __future__ import annotations

import math

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry(auto_describe=True)

INGESTED_ROWS = Counter(
    "roomleft_ingested_rows",
    "Rows that reached the writer, by stream and what became of them.",
    ["stream", "outcome"],
    registry=REGISTRY,
)
QUEUE_ROWS = Gauge("roomleft_queue_rows", "Rows waiting in the write queue.", registry=REGISTRY)
COMMIT_SECONDS = Histogram(
    "roomleft_commit_seconds",
    "Time from the first row of a group to its commit.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
JOB_RUNS = Counter("roomleft_job_runs", "Finished job runs by outcome.", ["job", "outcome"], registry=REGISTRY)
JOB_LAST_SUCCESS = Gauge(
    "roomleft_job_last_success_timestamp_seconds", "When the job last succeeded.", ["job"], registry=REGISTRY
)
JOB_SECONDS = Gauge("roomleft_job_seconds", "How long the job's last run took.", ["job"], registry=REGISTRY)
COLLECT_REQUESTS = Counter(
    "roomleft_collect_requests", "Requests to sources by stream and outcome.", ["source", "stream", "outcome"], registry=REGISTRY
)
SOURCE_UP = Gauge("roomleft_source_up", "1 if the source's last read worked, 0 if not.", ["source", "stream"], registry=REGISTRY)
SCRAPE_SECONDS = Histogram(
    "roomleft_scrape_seconds",
    "How long a scrape took, from request to the write queue.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
SCRAPE_LAG_SECONDS = Histogram(
    "roomleft_scrape_lag_seconds",
    "How long after its slot a scrape began.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
    registry=REGISTRY,
)
SCRAPE_MISSED_SLOTS = Counter(
    "roomleft_scrape_missed_slots",
    "Slots at which a target was still busy with an earlier scrape.",
    ["source"],
    registry=REGISTRY,
)
SCRAPED_SAMPLES = Gauge("roomleft_scraped_samples", "Samples on the target's last page.", ["source"], registry=REGISTRY)
SCRAPE_KEPT_OUT_SAMPLES = Counter(
    "roomleft_scrape_kept_out_samples",
    "Samples whose own timestamps were not believed: ahead or old.",
    ["source", "reason"],
    registry=REGISTRY,
)
HEADROOM_FRACTION_LEFT = Gauge(
    "roomleft_headroom_fraction_left",
    "Room left of a limit: 1 unused, 0 at the limit, below 0 beyond; NaN while unknown.",
    ["limit_id", "platform"],
    registry=REGISTRY,
)
HEADROOM_STATE = Gauge(
    "roomleft_headroom_state", "1 for the state a limit is in.", ["limit_id", "platform", "state"], registry=REGISTRY
)
P_BREACH = Gauge(
    "roomleft_p_breach",
    "Chance that a limit runs out before it refills, or within 30 days: 0 to 1; NaN where no forecast tells.",
    ["limit_id", "platform"],
    registry=REGISTRY,
)
EXHAUSTION_SECONDS = Gauge(
    "roomleft_exhaustion_seconds",
    "Until a limit runs out: early (0.1), middle (0.5) and late (0.9). +Inf where it is not expected to; NaN where nothing tells.",
    ["limit_id", "platform", "quantile"],
    registry=REGISTRY,
)
ORDER_SECONDS = Gauge(
    "roomleft_order_by_seconds",
    "Until the last moment to order a limit's next step; negative once that is past, NaN where there is none.",
    ["limit_id", "platform"],
    registry=REGISTRY,
)
OF_LIMITS = (HEADROOM_FRACTION_LEFT, HEADROOM_STATE, P_BREACH, EXHAUSTION_SECONDS, ORDER_SECONDS)
"""The metrics that each limit has."""
FORECAST_SECONDS = Gauge(
    "roomleft_forecast_seconds",
    "How long the newest forecast took (fit), its worker's CPU time (worker_cpu), and the newest replay (replay).",
    ["part"],
    registry=REGISTRY,
)
FORECAST_AGE = Gauge("roomleft_forecast_age_seconds", "How old the newest forecast is; NaN before the first.", registry=REGISTRY)
FORECAST_AGE.set(math.nan)  # a gauge begins at 0, which would be a forecast of this moment
FORECAST_CLAIMS = Counter("roomleft_forecast_claims", "Claims about the future that were stored.", registry=REGISTRY)
OUTBOX_WAITING = Gauge("roomleft_outbox_waiting", "Notices that are still to be delivered.", registry=REGISTRY)
OUTBOX_OLDEST_SECONDS = Gauge(
    "roomleft_outbox_oldest_seconds",
    "For how long the oldest notice that is still to be delivered has waited.",
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "roomleft_deliveries", "Attempts to deliver a notice, by channel and outcome.", ["channel", "outcome"], registry=REGISTRY
)
EVALUATION_SECONDS = Histogram(
    "roomleft_evaluation_seconds",
    "How long an evaluation of the alert rules took, until what is to be told was in the outbox.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
    registry=REGISTRY,
)
EVALUATION_LAG_SECONDS = Gauge(
    "roomleft_evaluation_lag_seconds",
    "How long ago the newest evaluation of the alert rules was.",
    registry=REGISTRY,
)
EVALUATIONS_MISSED = Counter(
    "roomleft_evaluations_missed",
    "Evaluations that should have been and were not, while this server ran: the one before took too long.",
    registry=REGISTRY,
)
EVALUATIONS_HELD = Counter(
    "roomleft_evaluations_held",
    "Evaluations that waited because the clock was set back before the last one.",
    registry=REGISTRY,
)
ALERTS = Gauge(
    "roomleft_alerts",
    "Alerts by state and severity; those that fire are firing, also while nobody knows.",
    ["state", "severity"],
    registry=REGISTRY,
)
ALERTS_UNKNOWN_FIRING = Gauge(
    "roomleft_alerts_firing_unknown", "Alerts that go on firing although nobody knows whether they hold.", registry=REGISTRY
)
RULES = Gauge("roomleft_rules", "Alert rules in force.", ["platform"], registry=REGISTRY)
RULES_FAILING = Gauge("roomleft_rules_failing", "Alert rules whose evaluation fails with an error.", registry=REGISTRY)
TEMPLATE_FAILURES = Counter(
    "roomleft_alert_template_failures", "Annotations of alerts that could not be filled in.", ["rule_id"], registry=REGISTRY
)
DISK_FREE_BYTES = Gauge(
    "roomleft_disk_free_bytes", "Bytes that are free where Roomleft keeps its data folder.", registry=REGISTRY
)
