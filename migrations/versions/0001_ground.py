"""The whole house as it stands before its first release."""

from alembic import op

from mscbank.core.db import Base
from mscbank.core.guards import ensure_guards

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    Base.metadata.create_all(op.get_bind())
    ensure_guards(op.get_bind())


def downgrade() -> None:
    Base.metadata.drop_all(op.get_bind())
