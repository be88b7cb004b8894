"""What holds in the database whatever happens to processes, as queries for the rows that break it."""

import psycopg

ALWAYS = (
    (
        "an image has at most one analysis",
        "SELECT product_image_id FROM analyses GROUP BY product_image_id HAVING count(*) > 1",
    ),
    (
        "an uploaded image has an analysis",
        """
        SELECT images.id FROM product_images images
        LEFT JOIN analyses ON analyses.product_image_id = images.id
        WHERE images.upload_status = 'uploaded' AND analyses.id IS NULL
        """,
    ),
    (
        "no attribute is there twice",
        """
        SELECT analysis_id, attribute_name, attribute_value FROM extracted_attributes
        GROUP BY analysis_id, attribute_name, attribute_value HAVING count(*) > 1
        """,
    ),
    (
        "the attributes of an analysis are numbered from 0 without a gap",
        """
        SELECT analysis_id FROM extracted_attributes
        GROUP BY analysis_id HAVING count(DISTINCT position) <> count(*) OR max(position) + 1 <> count(*)
        """,
    ),
    (
        "the defects of an analysis are numbered from 0 without a gap",
        """
        SELECT analysis_id FROM detected_defects
        GROUP BY analysis_id HAVING count(DISTINCT position) <> count(*) OR max(position) + 1 <> count(*)
        """,
    ),
    (
        "a job has as many images as it says",
        """
        SELECT jobs.id, total_images, count(image_id) FROM jobs
        LEFT JOIN job_images ON job_images.job_id = jobs.id
        GROUP BY jobs.id HAVING count(image_id) <> total_images
        """,
    ),
    (
        "each image of a job has five steps",
        """
        SELECT images.job_id, images.image_id, count(steps.id) FROM job_images images
        LEFT JOIN job_steps steps
            ON steps.job_id = images.job_id AND steps.product_image_id = images.image_id
        GROUP BY images.job_id, images.image_id HAVING count(steps.id) <> 5
        """,
    ),
    (
        "each step belongs to an image of its job",
        """
        SELECT steps.id FROM job_steps steps LEFT JOIN job_images images
            ON images.job_id = steps.job_id AND images.image_id = steps.product_image_id
        WHERE images.job_id IS NULL
        """,
    ),
    (
        "an image that has ended holds no lease",
        """
        SELECT job_id, image_id, status FROM job_images
        WHERE status IN ('completed', 'failed', 'cancelled') AND lease_until IS NOT NULL
        """,
    ),
    (
        "an image at work holds a lease",
        "SELECT job_id, image_id FROM job_images WHERE status = 'processing' AND lease_until IS NULL",
    ),
    (
        "no image is tried more than three times, and none ends without having been tried",
        """
        SELECT job_id, image_id, status, attempts FROM job_images
        WHERE attempts NOT BETWEEN 0 AND 3 OR (status IN ('completed', 'failed') AND attempts = 0)
        """,
    ),
    (
        "an image that was completed has five completed steps",
        """
        SELECT images.job_id, images.image_id, steps.step_name, steps.status
        FROM job_images images JOIN job_steps steps
            ON steps.job_id = images.job_id AND steps.product_image_id = images.image_id
        WHERE images.status = 'completed' AND steps.status <> 'completed'
        """,
    ),
    (
        "no step of an image that has ended is pending or running",
        """
        SELECT images.job_id, images.image_id, steps.step_name, steps.status
        FROM job_images images JOIN job_steps steps
            ON steps.job_id = images.job_id AND steps.product_image_id = images.image_id
        WHERE images.status IN ('completed', 'failed', 'cancelled')
            AND steps.status IN ('pending', 'running')
        """,
    ),
    (
        "a step that was completed has a beginning before its end, and a duration",
        """
        SELECT job_id, step_name, started_at, completed_at, duration_ms FROM job_steps
        WHERE status = 'completed' AND NOT coalesce(started_at <= completed_at AND duration_ms >= 0, false)
        """,
    ),
    (
        "no image of a job that has ended is open",
        """
        SELECT jobs.id, image_id, job_images.status
        FROM jobs JOIN job_images ON job_images.job_id = jobs.id
        WHERE jobs.status IN ('completed', 'failed', 'cancelled')
            AND job_images.status IN ('queued', 'processing')
        """,
    ),
    (
        "a job that has ended has an end, and none other has",
        """
        SELECT id, status, completed_at FROM jobs
        WHERE (status IN ('completed', 'failed', 'cancelled')) <> (completed_at IS NOT NULL)
        """,
    ),
    (
        "a job ends as its images did",
        """
        SELECT jobs.id, jobs.status, count(*) FILTER (WHERE job_images.status = 'completed')
        FROM jobs JOIN job_images ON job_images.job_id = jobs.id
        WHERE jobs.status IN ('completed', 'failed')
        GROUP BY jobs.id
        HAVING (jobs.status = 'completed') <> bool_or(job_images.status = 'completed')
        """,
    ),
    (
        "what failed or was cancelled says why",
        """
        SELECT id FROM jobs WHERE status IN ('failed', 'cancelled') AND coalesce(error_message, '') = ''
        UNION ALL
        SELECT image_id FROM job_images
        WHERE status IN ('failed', 'cancelled') AND coalesce(error_message, '') = ''
        """,
    ),
    (
        "no step's event has a number above its job's newest, and the last event has one of its own",
        """
        SELECT jobs.id, event_seq, max(seq) FROM jobs JOIN job_steps ON job_steps.job_id = jobs.id
        GROUP BY jobs.id
        HAVING max(seq) > event_seq OR (jobs.completed_at IS NOT NULL AND max(seq) >= event_seq)
        """,
    ),
    (
        "no two steps of a job have the same number",
        "SELECT job_id, seq FROM job_steps WHERE seq IS NOT NULL GROUP BY job_id, seq HAVING count(*) > 1",
    ),
    (
        "progress never falls from one number to the next",
        """
        SELECT job_id, seq FROM (
            SELECT job_id, seq, progress_completed,
                lag(progress_completed) OVER (PARTITION BY job_id ORDER BY seq) AS before
            FROM job_steps WHERE seq IS NOT NULL
        ) AS told WHERE progress_completed < before
        """,
    ),
    (
        "an image that was ever completed has findings",
        """
        SELECT images.job_id, images.image_id FROM job_images images
        JOIN analyses ON analyses.product_image_id = images.image_id
        WHERE images.status = 'completed' AND analyses.classification_label IS NULL
        """,
    ),
)
"""(sentence, query for the rows that break it): true in every snapshot, also in the middle of a fault."""

AT_REST = (
    (
        "every accepted job has ended",
        "SELECT id, job_type, status FROM jobs WHERE status IN ('queued', 'processing')",
    ),
    (
        "processed, failed and cancelled images are all the images of a job",
        """
        SELECT jobs.id, total_images, count(*) FILTER
            (WHERE job_images.status IN ('completed', 'failed', 'cancelled'))
        FROM jobs JOIN job_images ON job_images.job_id = jobs.id GROUP BY jobs.id
        HAVING total_images
            <> count(*) FILTER (WHERE job_images.status IN ('completed', 'failed', 'cancelled'))
        """,
    ),
    (
        "no analysis of an uploaded image waits for a job that is not there",
        """
        SELECT product_image_id, analyses.status FROM analyses
        JOIN product_images ON product_images.id = product_image_id
        WHERE analyses.status IN ('pending', 'processing') AND upload_status = 'uploaded'
            AND NOT EXISTS (
                SELECT FROM job_images
                WHERE image_id = product_image_id AND status IN ('queued', 'processing')
            )
        """,
    ),
    (
        "the analysis of an image whose every job was completed is completed",
        """
        SELECT product_image_id, analyses.status FROM analyses
        JOIN job_images ON image_id = product_image_id
        GROUP BY analyses.id
        HAVING bool_and(job_images.status = 'completed') AND analyses.status <> 'completed'
        """,
    ),
    (
        "no product is still processing",
        """
        SELECT id FROM products WHERE status = 'processing' AND NOT EXISTS (
            SELECT FROM jobs WHERE product_id = products.id AND status IN ('queued', 'processing')
        )
        """,
    ),
    (
        "what must happen elsewhere has happened or is not due",
        """
        SELECT id, kind, attempts, last_error FROM outbox
        WHERE done_at IS NULL AND due_at < now() - interval '5 s'
        """,
    ),
)
"""The same, true once nothing is left to do."""


def broken(connection, laws):
    """The sentences that do not hold, each with some of the rows that break it, all in one snapshot."""
    found = []
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for sentence, query in laws:
            rows = connection.execute(query).fetchmany(5)
            if rows:
                found.append((sentence, rows))
    return found


def connect(database_url):
    """A connection of the test's own to the database of a platform."""
    return psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True)


def check(database_url):
    """Insist on every law, at rest."""
    with connect(database_url) as connection:
        assert broken(connection, ALWAYS + AT_REST) == []
