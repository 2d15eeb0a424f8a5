"""The audit chain: canonical records, each holding the hash of the one before. Pure."""
