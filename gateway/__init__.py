"""Everything that touches the world: store, audit, ingest, operations, alerts, web, command line."""
