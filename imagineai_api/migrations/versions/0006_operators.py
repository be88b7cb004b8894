"""operators."""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('users', sa.Column('role', sa.Text(), server_default='user', nullable=False))
    op.create_check_constraint(op.f('ck_users_role_known'), 'users', "role IN ('user', 'admin')")
    op.create_table(
        'operator_sessions',
        sa.Column('token_hash', sa.LargeBinary(), nullable=False),
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('used_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.ForeignKeyConstraint(
            ['user_id'], ['users.id'], name=op.f('fk_operator_sessions_user_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_operator_sessions')),
    )
    op.create_index(op.f('ix_operator_sessions_user_id'), 'operator_sessions', ['user_id'], unique=False)


def downgrade() -> None:
    op.drop_table('operator_sessions')
    op.drop_column('users', 'role')
