"""traces and ended jobs."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('jobs', sa.Column('traceparent', sa.Text(), nullable=True))
    op.create_index(
        'ix_jobs_ended', 'jobs', ['completed_at'], unique=False, postgresql_where=sa.text('completed_at IS NOT NULL')
    )


def downgrade() -> None:
    op.drop_index('ix_jobs_ended', 'jobs')
    op.drop_column('jobs', 'traceparent')
