"""The demonstration: the whole job on this machine with real parts, one step a line."""
