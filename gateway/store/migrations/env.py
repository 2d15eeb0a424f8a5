"""Alembic's entry: runs the migrations on the connection that `gateway.store.migrate` hands over."""

from alembic import context

from gateway.store import (  # noqa: F401 - they fill the metadata
    dcc_schema,
    decision_schema,
    people_schema,
    schema,
    silence_schema,
    word_schema,
)
from gateway.store.metadata import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
    render_as_batch=True,
)
context.run_migrations()
