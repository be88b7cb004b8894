"""Rows as users leave them, by the hundred thousand, made inside PostgreSQL."""

from uuid import UUID, uuid4

import psycopg

IMAGES_A_USER = 1_000
IMAGES_A_PRODUCT = 3
WORDS = (
    "cotton leather wooden ceramic wireless vintage modern small large round folding waterproof "
    "travel kitchen garden office running winter summer classic headphones chair lamp table shirt "
    "shoes jacket bottle backpack mug watch camera keyboard sofa blanket pillow knife pan tent "
    "bicycle helmet gloves scarf ring mirror clock shelf rug vase pen"
)
CATEGORIES = ("clothing", "electronics", "footwear", "furniture", "home_garden", "toys", "books")

# As if all had uploaded side by side: a user's rows lie far apart.
OWNERS = """
CREATE TEMP TABLE owners ON COMMIT DROP AS
SELECT gen_random_uuid() AS product_id, users.id AS user_id, number, users.seed,
       row_number() OVER (ORDER BY number / users.products::float8, users.seed) AS turn
FROM unnest(%(users)s::uuid[], %(products)s::int[]) WITH ORDINALITY AS users(id, products, seed),
     generate_series(1, users.products) AS number
"""
USERS = """
INSERT INTO users (id, email, full_name, password_hash)
SELECT id, id || '@example.com', 'Bench', 'none' FROM unnest(%(users)s::uuid[]) AS id
"""
PRODUCTS = """
INSERT INTO products (id, user_id, title, description, category, status, created_at, updated_at)
SELECT product_id, user_id,
       concat_ws(' ', words[1 + hash %% 50], words[1 + hash / 50 %% 50], number),
       concat_ws(' ', words[1 + hash / 9 %% 50], words[1 + hash / 90 %% 50], words[1 + hash / 900 %% 50],
                 'for', words[1 + hash / 9000 %% 50], words[1 + hash / 90000 %% 50], 'and what goes with it'),
       (%(categories)s::text[])[1 + hash %% 7],
       CASE number %% 10 WHEN 0 THEN 'archived' WHEN 1 THEN 'draft' ELSE 'active' END,
       now() - make_interval(secs => (SELECT max(turn) FROM owners) - turn), now()
FROM (
    SELECT *, abs(hashint8(turn)::bigint) AS hash, string_to_array(%(words)s, ' ') AS words FROM owners
) AS hashed
ORDER BY turn
"""
IMAGES = """
CREATE TEMP TABLE images ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, gen_random_uuid() AS analysis_id, gen_random_uuid() AS job_id, owners.*, place
FROM owners, generate_series(1, %(images)s) AS place
ORDER BY turn, place
"""
IMAGE_ROWS = """
INSERT INTO product_images (id, product_id, s3_key, original_filename, content_type, file_size_bytes,
                            width, height, is_primary, upload_status, etag, upload_job_id, created_at)
SELECT id, product_id, concat('products/', user_id, '/', product_id, '/', id, '_photo.jpg'), 'photo.jpg',
       'image/jpeg', 250000, 1600, 1200, place = 1, 'uploaded', md5(id::text), job_id,
       now() - interval '1 hour'
FROM images
"""
ANALYSES = """
INSERT INTO analyses (id, product_image_id, model_version, classification_label, classification_confidence,
                      classification_scores, category, defect_score, defects, description_text,
                      processing_time_ms, status)
SELECT analysis_id, id, '1', 'shoes', 0.9, '{"shoes": 0.9, "chair": 0.1}', 'footwear', 0.1,
       CASE (turn + place) %% 4 WHEN 0 THEN 1 ELSE 0 END, 'Shoes in brown.', 30 + turn %% 50,
       CASE WHEN turn %% 50 = 0 THEN 'failed' ELSE 'completed' END
FROM images
"""
ATTRIBUTES = """
INSERT INTO extracted_attributes (id, analysis_id, position, attribute_name, attribute_value, confidence)
SELECT gen_random_uuid(), analysis_id, 0, 'color', 'brown', 0.8 FROM images
"""
DEFECTS = """
INSERT INTO detected_defects (id, analysis_id, position, defect_type, severity, confidence, bounding_box,
                              description)
SELECT gen_random_uuid(), analysis_id, 0, 'scratch', 'low', 0.7, '{"x": 1, "y": 2, "width": 3, "height": 4}',
       'A scratch.'
FROM images WHERE (turn + place) %% 4 = 0
"""
JOBS = """
INSERT INTO jobs (id, user_id, product_id, job_type, status, total_images, event_seq, started_at,
                  completed_at, created_at)
SELECT job_id, user_id, product_id, 'single', 'completed', 1, 11, now(), now(),
       now() - make_interval(secs => (SELECT max(turn) FROM images) - turn)
FROM images
"""
JOB_IMAGES = """
INSERT INTO job_images (job_id, image_id, position, queue, status, attempts)
SELECT job_id, id, 0, 'single', 'completed', 1 FROM images
"""
STEPS = (USERS, OWNERS, PRODUCTS, IMAGES, IMAGE_ROWS, ANALYSES, ATTRIBUTES, DEFECTS, JOBS, JOB_IMAGES)


def fill(connection: psycopg.Connection, images: int, large: int = 0) -> tuple[UUID, UUID | None]:
    """Add users with so many images in all, a thousand each, and what belongs to them.

    Args:
        connection: An operator's, in autocommit.
        images: How many to add.
        large: How many of them belong to one user beside the others; 0: there is no such user.

    Returns:
        One of the usual users, and the one with many.
    """
    usual = [uuid4() for _ in range(max(1, (images - large) // IMAGES_A_USER))]
    each = min(images, IMAGES_A_USER) // IMAGES_A_PRODUCT
    owners = {**dict.fromkeys(usual, each), **({uuid4(): large // IMAGES_A_PRODUCT} if large else {})}
    given = {
        "users": list(owners),
        "products": list(owners.values()),
        "images": IMAGES_A_PRODUCT,
        "categories": list(CATEGORIES),
        "words": WORDS,
    }
    with connection.transaction(), psycopg.ClientCursor(connection) as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '512MB'")
        for step in STEPS:
            cursor.execute(step, given)
    # So that pages are marked as visible to all and the planner knows the tables, as autovacuum leaves them.
    connection.execute("VACUUM (ANALYZE)")
    return usual[0], list(owners)[-1] if large else None
