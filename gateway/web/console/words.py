"""What each word means, one sentence each; the pages and the documents use no other. Pure."""

from types import MappingProxyType
from typing import Final

WORDS: Final = MappingProxyType(
    {
        "service request": "A DUIS message by which an energy supplier asks the DCC for something.",
        "communication": "One service request as the DCC sees it and counts it, with its class.",
        "threshold": "How many communications of a kind a User ID may send in a period: a warning and a quarantine level.",
        "exception": "A threshold with an end; inside its time it replaces the standing one.",
        "window": "The span of time, as long as the period, in which communications are counted.",
        "count": "How many communications are in the window now.",
        "headroom": "How many more fit under the quarantine level now.",
        "episode": "From the first second above a level until the count has stayed below 90 % of it for a tenth of the period.",
        "breach": "A count above a level; a count that equals it is none. One episode is one breach.",
        "candidate incident": "Something that a person has to look at and close with a reason; “incident” for short.",
        "audit record": "Who did what to what, and when; each holds the hash of the one before, so that none can be changed unseen.",
        "checkpoint": "A point of the audit chain that is kept elsewhere, to compare the chain with.",
        "alert": "What the SOC is told of a candidate incident: opened, updated or closed.",
        "delivery": "Putting a signed file where the DCC gets it from.",
        "token": "The PKCS#11 device that holds the file-signing key and never gives it away.",
        "approval": "A second person's yes to the bytes that somebody else submitted.",
        "request in excess": "A communication above the level: what the DCC will quarantine.",
        "access token": "A secret by which a program acts in somebody's name; it has nothing to do with the token.",
    }
)

CLASSES: Final = MappingProxyType(
    {
        "SR": "Service Request: command variants 1, 2, 3 and 8.",
        "TRANSFORM": "A critical request, sent to be transformed into a Pre-Command: command variant 4.",
        "SPC": "Signed Pre-Command: command variants 5, 6 and 7.",
        "S1C": "A critical SMETS1 request: command variants 1, 2 and 3 with a critical variant.",
        "unknown": "Command variant 9, or a variant that the catalogue does not know.",
        "ALL": "In a threshold: every class.",
        "DEVICES": "In a threshold: the target devices of every class instead of the messages.",
    }
)

FILE_STATES: Final = MappingProxyType(
    {
        "submitted": "Checked without a fault; waits for another person.",
        "approved": "A second person agreed; it is signed next.",
        "signed": "The token signed it.",
        "delivered": "It is where the DCC gets it from.",
        "acknowledged": "The DCC took it; it comes into force at its time.",
        "in force": "Communications are counted against it.",
        "superseded": "Another file took its place.",
        "rejected": "A second person said no.",
        "withdrawn": "Its submitter took it back.",
        "failed": "Its bytes are not those that were approved, or no longer pass the check.",
    }
)

ROLES: Final = MappingProxyType(
    {
        "submitter": "Submits ADT files and withdraws own ones.",
        "approver": "Approves or rejects files that somebody else submitted.",
        "operator": "Runs the daemon, delivers files, records that the DCC acknowledged them, and acknowledges incidents.",
        "analyst": "Works on candidate incidents: decides what they are, and closes them.",
        "auditor": "Reads everything and changes nothing.",
        "admin": "Says who has access.",
        "adaptor": "A machine that sends communications to be counted, and may do nothing else.",
    }
)

LEVELS: Final = MappingProxyType(
    {
        "warning": "Somebody has to look; nothing is held back by it.",
        "quarantine": "The DCC is expected to hold back what is above it.",
    }
)

ALIGNMENTS: Final = MappingProxyType(
    {
        "rolling": "The window moves with the clock: the last hour, the last day.",
        "calendar": "The window begins with the UTC hour, day or week.",
    }
)

KEYS: Final = MappingProxyType(
    {
        "Tab, Shift+Tab": "to the next link, field or button, and back",
        "Enter": "follows a link, presses a button, sends a form",
        "Space": "presses a button, ticks a box, opens a list",
        "Arrow keys": "scroll a wide table that has the focus, choose in a list",
        "Tab, then Enter on a fresh page": "skips to the content",
    }
)
