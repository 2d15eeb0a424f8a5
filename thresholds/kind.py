"""What decides which thresholds a communication touches."""

from array import array

from thresholds.model import CommunicationClass, UserId

Kind = tuple[UserId, CommunicationClass, str, str]
"""Originator, class, service reference and service reference variant: all that decides what a communication
touches."""

Counts = tuple[Kind, "array[int]", "array[int]"]
"""Of one kind: how many communications lie in each second or minute, and how many devices these name."""
