"""Runs the migrations on the connection that ``database.migrate`` hands in."""

from alembic import context

from imagineai_api import webhook_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=webhook_tables.Webhook.metadata,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
