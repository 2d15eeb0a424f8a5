"""The channels an alert can take: one module for each kind of other side."""
