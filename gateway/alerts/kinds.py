"""What each kind of candidate incident means and what to do: one text for documents, help and pages. Pure."""

from types import MappingProxyType
from typing import Final

import msgspec


class KindText(msgspec.Struct, frozen=True):
    """What people are told of a kind."""

    name: str
    """A heading."""
    meaning: str
    opens: str
    ends: str
    do: str
    """What to do first."""
    runbook: str
    """The section of docs/operations.md."""


KIND_TEXTS: Final = MappingProxyType(
    {
        "threshold": KindText(
            "Breach of a threshold",
            "A count passed a warning or a quarantine level.",
            "at the first second above a level",
            "its episode ends by itself (the incident stays open until a person closes it)",
            "Ask whoever runs the service whether the traffic is meant. If not, stop it at the adaptor before "
            "anything else; if it is, an exception needs an ADT file that a second person approves.",
            "AdtGatewayQuarantineBreach",
        ),
        "forecast": KindText(
            "Quarantine expected",
            "If requests go on arriving as they did of late, a quarantine level will be passed soon.",
            "a quarantine is expected within `forecast.warn_seconds`",
            "closes itself: `reached` (names the breach), `receded` (none in sight for 60 s) or "
            "`withdrawn` (thresholds gone)",
            "Ask whoever runs the service whether the traffic is meant. If not, slow it down at the adaptor now; "
            "if it is, an exception has to be in force before that time.",
            "AdtGatewayForecast",
        ),
        "source_silent": KindText(
            "Silent source",
            "A source has brought no communication for longer than it may.",
            "a source brought nothing for longer than `silence.…_seconds`, within its hours",
            "with its next communication, a repeated one too",
            "Look at the sender first, then at the way: the adaptor's own log, the broker and its access list, "
            "the rights of the drop folder. Close it with what you found.",
            "AdtGatewaySourceSilent",
        ),
        "queue_full": KindText(
            "Full queue",
            "Communications were refused because too many waited already; none of those was counted.",
            "at the first refusal with `queue_full`",
            "none was refused for 60 s",
            "Find out why commits are slow or what the burst was, make sure that the adaptor sent again, and "
            "close it.",
            "AdtGatewayQueueFull",
        ),
        "clock": KindText(
            "Wrong clock",
            "The system's clock jumped, or was found ahead of or behind what is on record.",
            "the system's clock differs from the steady one by more than 2 s, or what is on record is more "
            "than 300 s ahead at the start",
            "they agree again; the second has ended at once",
            "Mend the clock, restart the daemon when it is right, and close the incident.",
            "AdtGatewayClockWrong",
        ),
        "no_thresholds": KindText(
            "Counted against nothing",
            "Communications of a User ID are counted, but no threshold of it is in force.",
            "a User ID sends and no threshold of it is in force, or the last of one of ours has ended; looked "
            "at each 60 s",
            "one is in force, or it sent nothing for 3600 s",
            "If the User ID is ours, bring an ADT file into force. If it is none of ours, somebody sends under "
            "a User ID that the settings do not name: ask who, at once.",
            "AdtGatewayUserWithoutThresholds",
        ),
        "not_countable": KindText(
            "Not counted",
            "Requests went out to the adaptor and could not be counted: the counts are too low.",
            "a request went out to the adaptor and could not be counted",
            "each time at once: `until` is the last of them",
            "Compare with the adaptor's own log, and send what is missing with its time where it is not older "
            "than five minutes. A quarantine may come without a warning.",
            "AdtGatewayRequestsNotCounted",
        ),
        "token": KindText(
            "Token does not sign",
            "The token did not sign an approved file.",
            "the token did not sign an approved file",
            "with the next signature that succeeds",
            "Look up the token's code in docs/token.md. Do not try PINs: a token locks after a few. Tell who "
            "submitted the files that wait if they will be late.",
            "AdtGatewaySigningFails",
        ),
        "dcc_quarantine": KindText(
            "DCC quarantine",
            "The DCC holds requests of ours and waits for a decision: release or delete.",
            "at the first alert of the DCC for a User ID and quarantine event whose signature is verified",
            "each of its requests is seen to have ended (the incident stays open until a person closes it); later "
            "requests of the event add to it, and so does each that waits for longer than "
            "`quarantine.wait_seconds` (`overdue`), which opens another one where it was closed",
            "Look under Quarantine which requests are held and whether our own count expected it. Find out "
            "whether the traffic is meant before anything is released.",
            "AdtGatewayDccQuarantine",
        ),
        "unknown_request": KindText(
            "Held, and not seen leaving",
            "The DCC holds requests under our User ID that we did not see leave.",
            "the DCC holds a request that is not among those we saw leaving (`dcc.sent_seconds`)",
            "each time at once: `until` is the last of them",
            "Treat it as a compromise until shown otherwise: find out who sent them and by which way. Compare "
            "with the adaptor's own log; do not release them.",
            "AdtGatewayUnknownRequest",
        ),
        "dcc_not_kept": KindText(
            "Alerts of the DCC not kept",
            "Alerts in the DCC's name that are not believed came and were not kept: `dcc.kept_unbelieved` of their "
            "sort are.",
            "one came while `dcc.kept_unbelieved` of its sort were kept (one incident for each sort: `unsigned`, "
            "`wrong`, `unknown_signer`, `unchecked`)",
            "each time at once: `until` is the last of them",
            "Find out who sends them, at the adaptor or the broker. Of `unknown_signer` and `unchecked` some may be "
            "the DCC's: bring its certificate into place, and ask the DCC which requests it holds.",
            "AdtGatewayDccAlertsNotKept",
        ),
    }
)
"""By kind, in the order of `KINDS`."""


SOURCE_NAMES: Final = MappingProxyType(
    {"http": "HTTP", "mqtt": "MQTT", "forward": "forwarding", "drop_folder": "drop folder"}
)
"""What people call the sources of communications, by the name that settings and metrics have for them."""


def kind_text(kind: str) -> KindText:
    """Return what people are told of *kind*; of one that a later version recorded, its name alone."""
    return KIND_TEXTS.get(kind) or KindText(kind, "", "", "", "", "")
