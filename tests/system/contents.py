"""One thing put into each store, and looked for again."""

import boto3
import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from redis import Redis, RedisError


def database(env):
    return psycopg.connect(env["DATABASE_URL"].replace("+psycopg", ""), autocommit=True, connect_timeout=5)


def redis(env):
    return Redis.from_url(env["REDIS_URL"], socket_timeout=5)


def storage(env):
    return boto3.client(
        "s3",
        endpoint_url=env["S3_ENDPOINT_URL"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        region_name=env["AWS_DEFAULT_REGION"],
        config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1}),
    )


def put_into_each(env, text):
    """Write a row, a key and an object, each acknowledged by its store."""
    with database(env) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [text])
    with redis(env) as client:
        client.set(text, "kept")
    storage(env).put_object(Bucket=env["S3_BUCKET"], Key=text, Body=text.encode())


def row_is_there(env, text):
    try:
        with database(env) as connection:
            return bool(connection.execute("SELECT 1 FROM kept WHERE text = %s", [text]).fetchone())
    except psycopg.OperationalError:
        return False


def key_is_there(env, text):
    try:
        with redis(env) as client:
            return client.get(text) == b"kept"
    except RedisError:
        return False


def object_is_there(env, text):
    try:
        return storage(env).get_object(Bucket=env["S3_BUCKET"], Key=text)["Body"].read() == text.encode()
    except (BotoCoreError, ClientError):
        return False


LOOKS = {"postgres": row_is_there, "redis": key_is_there, "s3": object_is_there}
