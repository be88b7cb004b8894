"""Runs the migrations on the connection that ``database.migrate`` hands in."""

from alembic import context

from imagineai_api import import_tables, webhook_tables  # noqa: F401 - their tables join the others
from imagineai_api.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
