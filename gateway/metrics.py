"""Every metric of the daemon. No label holds a device or a request."""

from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # memory, processor time, open files and start of the daemon

BUILD: Final = Info("adt_gateway_build", "The version that runs.", registry=REGISTRY)
BUILD.info({"version": version("adt-gateway")})

COMMUNICATIONS: Final = Counter(
    "adt_gateway_communications",
    "Communications counted, by class.",
    ["communication_class"],
    registry=REGISTRY,
)
DUPLICATES: Final = Counter(
    "adt_gateway_duplicates",
    "Communications that were known already and not counted again.",
    registry=REGISTRY,
)
REJECTED: Final = Counter(
    "adt_gateway_rejected", "Messages refused, by code; nothing was counted.", ["code"], registry=REGISTRY
)
UNCOUNTED: Final = Counter(
    "adt_gateway_uncounted",
    "Requests that were passed on to the adaptor and could not be counted, by code.",
    ["code"],
    registry=REGISTRY,
)
FORWARDED: Final = Counter(
    "adt_gateway_forwarded",
    "Requests for the adaptor, by what became of them: answered, unreachable, timeout, broken_off, refused.",
    ["outcome"],
    registry=REGISTRY,
)
DROPPED_FILES: Final = Counter(
    "adt_gateway_dropped_files",
    "Files of the drop folder that were dealt with, by the folder they are in now: done, failed.",
    ["folder"],
    registry=REGISTRY,
)
DROPPED_ADT_FILES: Final = Counter(
    "adt_gateway_dropped_adt_files",
    "ADT files of their drop folder that were dealt with, by state: submitted, refused, not_permitted.",
    ["state"],
    registry=REGISTRY,
)
MISPLACED: Final = Counter(
    "adt_gateway_misplaced",
    "Communications counted at their arrival because they came over five minutes late or from the future.",
    ["placement"],
    registry=REGISTRY,
)
DCC_MESSAGES: Final = Counter(
    "adt_gateway_dcc_messages",
    "Messages of the DCC, by kind (quarantine, alert, answer, device_alert) and by what their signature is worth: "
    "verified, unsigned, wrong, unknown_signer, unchecked.",
    ["kind", "trust"],
    registry=REGISTRY,
)
DCC_ALERTS: Final = Counter(
    "adt_gateway_dcc_alerts",
    "Alerts of the DCC that are believed, by code; a throttled one counts for as many as it stands for.",
    ["code"],
    registry=REGISTRY,
)
DCC_REFUSED: Final = Counter(
    "adt_gateway_dcc_refused",
    "Messages of the DCC that could not be read, by code.",
    ["code"],
    registry=REGISTRY,
)
DCC_NOT_KEPT: Final = Counter(
    "adt_gateway_dcc_not_kept",
    "Alerts that are not believed and were not kept, because too many of their sort are: unsigned, wrong, "
    "unknown_signer, unchecked.",
    ["trust"],
    registry=REGISTRY,
)
QUARANTINED: Final = Counter(
    "adt_gateway_quarantined",
    "Requests that the DCC holds, by breach and by what our own count says of them.",
    ["breach", "matched"],
    registry=REGISTRY,
)
QUEUED: Final = Gauge(
    "adt_gateway_queued_communications", "Communications that wait for their commit.", registry=REGISTRY
)
QUEUE_LIMIT: Final = Gauge(
    "adt_gateway_queue_limit_communications",
    "How many may wait; above it senders get 503.",
    registry=REGISTRY,
)
COMMIT_FAILURES: Final = Counter(
    "adt_gateway_commit_failures",
    "Group commits of the journal that failed; nothing was counted and no sender was told otherwise.",
    registry=REGISTRY,
)
LAST_TICK: Final = Gauge(
    "adt_gateway_last_tick_timestamp_seconds",
    "When time last passed for the count: episodes end and thresholds take effect by it.",
    registry=REGISTRY,
)
HEARTBEAT: Final = Gauge(
    "adt_gateway_heartbeat_timestamp_seconds",
    "When it was last seen that requests can be counted: the queue moves, time passes and the store can be written.",
    registry=REGISTRY,
)
JOURNAL_GROUPS: Final = Gauge(
    "adt_gateway_journal_groups", "Groups in the journal, by their numbers.", registry=REGISTRY
)
DIGESTS: Final = Gauge(
    "adt_gateway_digests",
    "Digests of the journal, about one for each minute with traffic.",
    registry=REGISTRY,
)
HISTORY_UNTIL: Final = Gauge(
    "adt_gateway_history_until_timestamp_seconds",
    "Up to when the counts are in the history; 0 where there is none yet.",
    registry=REGISTRY,
)
LAST_FOLDING: Final = Gauge(
    "adt_gateway_last_folding_timestamp_seconds",
    "When the journal was last looked through, folded and pruned as far as was due; the start where it never was.",
    registry=REGISTRY,
)
COMMIT_SECONDS: Final = Histogram(
    "adt_gateway_commit_seconds",
    "How long one group commit of the journal took.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
    registry=REGISTRY,
)
BREACHES: Final = Counter("adt_gateway_breaches", "Breaches, by level.", ["level"], registry=REGISTRY)
OPEN_EPISODES: Final = Gauge(
    "adt_gateway_open_episodes", "Episodes open now, by level.", ["level"], registry=REGISTRY
)
INCIDENTS_OPEN: Final = Gauge(
    "adt_gateway_incidents_open",
    "Candidate incidents that nobody has closed, by kind.",
    ["kind"],
    registry=REGISTRY,
)
LAST_COMMUNICATION: Final = Gauge(
    "adt_gateway_last_communication_timestamp_seconds",
    "When a source last brought a communication, a repeated one too: http, mqtt, forward, drop_folder.",
    ["source"],
    registry=REGISTRY,
)
THRESHOLDS_IN_FORCE: Final = Gauge(
    "adt_gateway_thresholds_in_force", "Thresholds in force, exceptions included.", registry=REGISTRY
)
ALERTS_SENT: Final = Counter(
    "adt_gateway_alerts_sent", "Alerts taken, by channel.", ["channel"], registry=REGISTRY
)
ALERTS_FAILED: Final = Counter(
    "adt_gateway_alerts_failed",
    "Attempts to send an alert that failed, by channel.",
    ["channel"],
    registry=REGISTRY,
)
ALERTS_WAITING: Final = Gauge(
    "adt_gateway_alerts_waiting", "Alerts not taken yet, by channel.", ["channel"], registry=REGISTRY
)
ALERTS_OLDEST: Final = Gauge(
    "adt_gateway_alerts_oldest_seconds",
    "Age of the oldest alert that was not taken yet, by channel; 0 where none waits.",
    ["channel"],
    registry=REGISTRY,
)
ALERTS_DEAD: Final = Gauge(
    "adt_gateway_alerts_dead",
    "Dead letters: alerts that were given up and that nobody has sent anew or discarded, by channel.",
    ["channel"],
    registry=REGISTRY,
)
SIGNATURES: Final = Counter("adt_gateway_signatures", "Files signed on the token.", registry=REGISTRY)
SIGNING_FAILURES: Final = Counter(
    "adt_gateway_signing_failures", "Attempts to sign that failed, by code.", ["code"], registry=REGISTRY
)
LAST_SIGNATURE: Final = Gauge(
    "adt_gateway_last_signature_timestamp_seconds", "When a file was last signed.", registry=REGISTRY
)
CERTIFICATE_EXPIRY: Final = Gauge(
    "adt_gateway_certificate_expiry_timestamp_seconds",
    "When the file-signing certificate on the token expires; 0 while it is not known.",
    registry=REGISTRY,
)
FILES: Final = Gauge(
    "adt_gateway_files",
    "Files that are or are to be signed, of every kind, by state.",
    ["state"],
    registry=REGISTRY,
)
QUARANTINE_REQUESTS: Final = Gauge(
    "adt_gateway_quarantine_requests",
    "Requests that the DCC holds and that were not seen to have ended: held, decided, released, deleted.",
    ["state"],
    registry=REGISTRY,
)
QUARANTINE_OLDEST: Final = Gauge(
    "adt_gateway_quarantine_oldest_seconds",
    "How long the request waits that waits longest, by the same states.",
    ["state"],
    registry=REGISTRY,
)
QUARANTINE_OVERDUE: Final = Gauge(
    "adt_gateway_quarantine_overdue",
    "Requests held for longer than quarantine.wait_seconds and not seen to have ended.",
    registry=REGISTRY,
)
DELIVERIES: Final = Counter(
    "adt_gateway_deliveries",
    "Attempts to deliver a signed file, by channel and outcome: delivered, or the code of what failed.",
    ["channel", "outcome"],
    registry=REGISTRY,
)
SETTINGS_TAKEN: Final = Gauge(
    "adt_gateway_settings_taken",
    "Whether the settings file was taken when it was last read (1) or refused (0).",
    registry=REGISTRY,
)
TLS_EXPIRY: Final = Gauge(
    "adt_gateway_tls_certificate_expiry_timestamp_seconds",
    "When the certificate expires that the daemon shows over TLS; 0 without TLS.",
    registry=REGISTRY,
)
SIGN_INS: Final = Counter(
    "adt_gateway_sign_ins",
    "Attempts to sign in to the console, by what became of them: signed_in, refused.",
    ["outcome"],
    registry=REGISTRY,
)
READY: Final = Gauge("adt_gateway_ready", "Whether a part works (1) or not (0).", ["part"], registry=REGISTRY)
