"""imports, their rows, and the keys that what they made is known by."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

KINDS = "kind IN ('delete_objects', 'cancel_flow_run', 'start_batch')"
KINDS_WITH_IMPORTS = "kind IN ('delete_objects', 'cancel_flow_run', 'start_batch', 'start_import')"


def upgrade() -> None:
    op.create_table(
        'imports',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('status', sa.Text(), server_default='pending', nullable=False),
        sa.Column('source_key', sa.Text(), nullable=True),
        sa.Column('source_etag', sa.Text(), nullable=True),
        sa.Column('source_bytes', sa.BigInteger(), nullable=True),
        sa.Column('starts', sa.Integer(), server_default='0', nullable=False),
        sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
        sa.Column('flow_run_id', sa.Text(), nullable=True),
        sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('lease_token', sa.BigInteger(), nullable=True),
        sa.Column('total_rows', sa.Integer(), nullable=True),
        sa.Column('imported_rows', sa.Integer(), server_default='0', nullable=False),
        sa.Column('skipped_rows', sa.Integer(), server_default='0', nullable=False),
        sa.Column('failed_rows', sa.Integer(), server_default='0', nullable=False),
        sa.Column('error_message', sa.Text(), nullable=True),
        sa.Column('request_id', sa.Text(), nullable=True),
        sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('completed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.CheckConstraint("kind IN ('csv', 'zip', 'prefix')", name=op.f('ck_imports_kind_known')),
        sa.CheckConstraint(
            "status IN ('pending', 'queued', 'processing', 'completed', 'failed', 'cancelled')",
            name=op.f('ck_imports_status_known'),
        ),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_imports_user_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_imports')),
    )
    op.create_index(
        'ix_imports_newest',
        'imports',
        ['user_id', sa.literal_column('created_at DESC'), sa.literal_column('id DESC')],
        unique=False,
    )
    op.create_index(
        'ix_imports_open',
        'imports',
        ['updated_at'],
        unique=False,
        postgresql_where=sa.text("status IN ('queued', 'processing')"),
    )
    op.create_index('ix_imports_completed_at', 'imports', ['completed_at'], unique=False)
    op.create_table(
        'import_rows',
        sa.Column('import_id', sa.Uuid(), nullable=False),
        sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('key', sa.Text(), nullable=True),
        sa.Column('title', sa.Text(), nullable=False),
        sa.Column('description', sa.Text(), nullable=True),
        sa.Column('category', sa.Text(), nullable=True),
        sa.Column('image', sa.Text(), nullable=False),
        sa.Column('product_key', sa.Text(), nullable=False),
        sa.Column('image_key', sa.Text(), nullable=False),
        sa.Column('status', sa.Text(), server_default='waiting', nullable=False),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('product_id', sa.Uuid(), nullable=True),
        sa.Column('image_id', sa.Uuid(), nullable=True),
        sa.Column('job_id', sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'imported', 'skipped', 'failed')", name=op.f('ck_import_rows_status_known')
        ),
        sa.ForeignKeyConstraint(
            ['import_id'], ['imports.id'], name=op.f('fk_import_rows_import_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('import_id', 'number', name=op.f('pk_import_rows')),
    )
    op.create_index('ix_import_rows_status', 'import_rows', ['import_id', 'status', 'number'], unique=False)
    for table in ('products', 'product_images'):
        op.add_column(table, sa.Column('import_key', sa.Text(), nullable=True))
        op.create_index(
            f'uq_{table}_import_key',
            table,
            ['user_id', 'import_key'],
            unique=True,
            postgresql_where=sa.text('import_key IS NOT NULL'),
        )
    op.drop_constraint(op.f('ck_outbox_kind_known'), 'outbox', type_='check')
    op.create_check_constraint(op.f('ck_outbox_kind_known'), 'outbox', KINDS_WITH_IMPORTS)


def downgrade() -> None:
    op.execute("DELETE FROM outbox WHERE kind = 'start_import'")
    op.drop_constraint(op.f('ck_outbox_kind_known'), 'outbox', type_='check')
    op.create_check_constraint(op.f('ck_outbox_kind_known'), 'outbox', KINDS)
    for table in ('product_images', 'products'):
        op.drop_index(f'uq_{table}_import_key', table)
        op.drop_column(table, 'import_key')
    op.drop_table('import_rows')
    op.drop_table('imports')
