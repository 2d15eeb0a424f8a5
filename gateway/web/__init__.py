"""HTTP: the API, health and metrics. Thin: every use case is an operation."""
