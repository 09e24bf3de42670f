"""How Alembic reaches the database: on the connection that `core.schema.upgrade` hands over."""

from alembic import context

from mscbank.core.db import Base
from mscbank.core.schema import render_item

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=render_item,
    compare_type=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
