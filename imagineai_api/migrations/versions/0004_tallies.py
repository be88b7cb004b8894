"""tallies: a user's numbers, counted as rows come and go; searches and lists within one user's rows."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

NEWEST: tuple[sa.ColumnClause[object], ...] = (sa.literal_column('created_at DESC'), sa.literal_column('id DESC'))

# No writer says whose a row is, so none can be wrong about it.
OWNERS = (
    """
    CREATE FUNCTION own_product_image() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.user_id := (SELECT user_id FROM products WHERE id = NEW.product_id);
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION own_analysis() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.user_id := (SELECT user_id FROM product_images WHERE id = NEW.product_image_id);
        RETURN NEW;
    END $$
    """,
    "CREATE TRIGGER own BEFORE INSERT ON product_images FOR EACH ROW EXECUTE FUNCTION own_product_image()",
    "CREATE TRIGGER own BEFORE INSERT ON analyses FOR EACH ROW EXECUTE FUNCTION own_analysis()",
)

# Into a row that nobody else holds. A user who is just being deleted takes all numbers along.
TALLY = """
CREATE FUNCTION tally(whose uuid, what text, more_products bigint, more_images bigint, more_jobs bigint,
                      more_completed bigint, more_ms bigint, more_defects bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tallies
    SET products = products + more_products, images = images + more_images, jobs = jobs + more_jobs,
        completed_analyses = completed_analyses + more_completed,
        processing_time_ms = processing_time_ms + more_ms, defects = defects + more_defects
    WHERE id = (SELECT id FROM tallies WHERE user_id = whose AND category IS NOT DISTINCT FROM what
                LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED);
    IF NOT FOUND THEN
        INSERT INTO tallies (user_id, category, products, images, jobs, completed_analyses, processing_time_ms,
                             defects)
        SELECT id, what, more_products, more_images, more_jobs, more_completed, more_ms, more_defects
        FROM users WHERE id = whose;
    END IF;
END $$
"""

# What each table adds to its users' tallies, from the rows of a statement: all inserted, or all deleted.
COUNTED = {
    'products': "tally(user_id, category, sign * count(*), 0, 0, 0, 0, 0) FROM changed GROUP BY user_id, category",
    'product_images': "tally(user_id, NULL, 0, sign * count(*), 0, 0, 0, 0) FROM changed GROUP BY user_id",
    'jobs': "tally(user_id, NULL, 0, 0, sign * count(*), 0, 0, 0) FROM changed GROUP BY user_id",
    'analyses': """tally(user_id, NULL, 0, 0, 0, sign * count(*) FILTER (WHERE status = 'completed'),
        sign * coalesce(sum(processing_time_ms) FILTER (WHERE status = 'completed'), 0), sign * sum(defects))
        FROM changed GROUP BY user_id HAVING bool_or(status = 'completed' OR defects <> 0)""",
}
COUNT = """
CREATE FUNCTION tally_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign int := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    PERFORM {counted};
    RETURN NULL;
END $$
"""
ON_INSERT = """
CREATE TRIGGER tally_inserted AFTER INSERT ON {table} REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION tally_{table}()
"""
ON_DELETE = """
CREATE TRIGGER tally_deleted AFTER DELETE ON {table} REFERENCING OLD TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION tally_{table}()
"""

# Row by row, so that the condition spares most updates the function.
ON_UPDATE = (
    """
    CREATE FUNCTION tally_category() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM tally(OLD.user_id, OLD.category, -1, 0, 0, 0, 0, 0);
        PERFORM tally(NEW.user_id, NEW.category, 1, 0, 0, 0, 0, 0);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tally_updated AFTER UPDATE ON products FOR EACH ROW
    WHEN (OLD.category IS DISTINCT FROM NEW.category) EXECUTE FUNCTION tally_category()
    """,
    """
    CREATE FUNCTION tally_analysis() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        was int := (OLD.status = 'completed')::int;
        is_now int := (NEW.status = 'completed')::int;
    BEGIN
        PERFORM tally(NEW.user_id, NULL, 0, 0, 0, is_now - was,
                      is_now * coalesce(NEW.processing_time_ms, 0) - was * coalesce(OLD.processing_time_ms, 0),
                      NEW.defects - OLD.defects);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tally_updated AFTER UPDATE ON analyses FOR EACH ROW
    WHEN ((OLD.status = 'completed') <> (NEW.status = 'completed') OR OLD.defects <> NEW.defects
          OR OLD.processing_time_ms IS DISTINCT FROM NEW.processing_time_ms)
    EXECUTE FUNCTION tally_analysis()
    """,
)
COUNTED_BEFORE = (
    """
    INSERT INTO tallies (user_id, category, products)
    SELECT user_id, category, count(*) FROM products GROUP BY user_id, category
    """,
    "INSERT INTO tallies (user_id, jobs) SELECT user_id, count(*) FROM jobs GROUP BY user_id",
    "INSERT INTO tallies (user_id, images) SELECT user_id, count(*) FROM product_images GROUP BY user_id",
    """
    INSERT INTO tallies (user_id, completed_analyses, processing_time_ms, defects)
    SELECT user_id, count(*) FILTER (WHERE status = 'completed'),
           coalesce(sum(processing_time_ms) FILTER (WHERE status = 'completed'), 0), sum(defects)
    FROM analyses GROUP BY user_id
    """,
)
FUNCTIONS = ('tally_analysis()', 'tally_category()', *(f'tally_{table}()' for table in COUNTED),
             'own_analysis()', 'own_product_image()',
             'tally(uuid, text, bigint, bigint, bigint, bigint, bigint, bigint)')


def upgrade() -> None:
    op.execute('CREATE EXTENSION IF NOT EXISTS btree_gin')
    _name_owners()
    op.create_table(
        'tallies',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('category', sa.Text(), nullable=True),
        sa.Column('products', sa.Integer(), server_default='0', nullable=False),
        sa.Column('images', sa.Integer(), server_default='0', nullable=False),
        sa.Column('jobs', sa.Integer(), server_default='0', nullable=False),
        sa.Column('completed_analyses', sa.Integer(), server_default='0', nullable=False),
        sa.Column('processing_time_ms', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('defects', sa.Integer(), server_default='0', nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_tallies_user_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_tallies')),
        postgresql_with={'fillfactor': '50'},
    )
    op.create_index(op.f('ix_tallies_user_id'), 'tallies', ['user_id'], unique=False)
    for statement in COUNTED_BEFORE:
        op.execute(statement)
    op.execute(TALLY)
    for table, counted in COUNTED.items():
        for statement in (COUNT, ON_INSERT, ON_DELETE):
            op.execute(statement.format(table=table, counted=counted))
    for statement in ON_UPDATE:
        op.execute(statement)
    op.drop_index('ix_products_category', 'products')
    op.create_index('ix_products_category', 'products', ['user_id', 'category', *NEWEST], unique=False)
    op.drop_index('ix_products_search', 'products')
    op.create_index(
        'ix_products_search',
        'products',
        ['user_id', 'search'],
        unique=False,
        postgresql_using='gin',
        postgresql_with={'fastupdate': 'off'},
    )
    op.create_index('ix_jobs_status', 'jobs', ['user_id', 'status', *NEWEST], unique=False)


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f'DROP FUNCTION {function} CASCADE')
    op.drop_index('ix_jobs_status', 'jobs')
    op.drop_index('ix_products_search', 'products')
    op.create_index('ix_products_search', 'products', ['search'], unique=False, postgresql_using='gin')
    op.drop_index('ix_products_category', 'products')
    op.create_index('ix_products_category', 'products', ['user_id', 'category'], unique=False)
    op.drop_table('tallies')
    op.drop_column('analyses', 'defects')
    op.drop_column('analyses', 'user_id')
    op.drop_column('product_images', 'user_id')


def _name_owners() -> None:
    op.add_column('product_images', sa.Column('user_id', sa.Uuid(), nullable=True))
    op.add_column('analyses', sa.Column('user_id', sa.Uuid(), nullable=True))
    op.add_column('analyses', sa.Column('defects', sa.Integer(), server_default='0', nullable=False))
    op.execute("UPDATE product_images SET user_id = products.user_id FROM products WHERE products.id = product_id")
    op.execute("""
        UPDATE analyses SET user_id = product_images.user_id,
               defects = (SELECT count(*) FROM detected_defects WHERE analysis_id = analyses.id)
        FROM product_images WHERE product_images.id = product_image_id
    """)
    op.alter_column('product_images', 'user_id', nullable=False)
    op.alter_column('analyses', 'user_id', nullable=False)
    for statement in OWNERS:
        op.execute(statement)
