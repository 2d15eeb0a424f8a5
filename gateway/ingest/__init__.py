"""Bytes from the DCC adaptor become communications, are journalled, counted and evaluated."""
