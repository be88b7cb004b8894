"""Every setting of the service, read from the environment once, at start."""

import os
from functools import cached_property
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from limits import parse as parse_rate
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from imagineai_api.errors import SettingsError

DEFAULT_KEY = "change-me"
DEFAULT_PASSWORDS = frozenset(
    {"", "postgres", "password", "imagineai", "minioadmin", "admin", "changeme", "test"}
)
MIN_KEY_BYTES = 32


class Settings(BaseSettings):
    """The variables of the service. Each field is the variable of the same name in capitals."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "production"] = "development"
    debug: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=0, le=65535)
    trusted_proxies: str = ""
    """Comma-separated addresses whose X-Forwarded-For counts; none by default."""
    cors_origins: str = ""
    """Comma-separated origins of browsers that may call the API; none by default."""

    database_url: str = "postgresql+psycopg://imagineai:imagineai@127.0.0.1:5432/imagineai"
    database_pool_size: int = Field(10, ge=1, le=200)
    database_timeout_s: float = Field(10, gt=0)
    """How long one statement may take."""
    database_connection_timeout_s: float = Field(5, gt=0)
    """How long it may take to get a live connection: free, probed, opened anew where it must be."""
    database_idle_s: float = Field(30, gt=0)
    """How long a transaction may ask nothing: afterwards PostgreSQL ends it, and its rows are free."""
    redis_url: str = "redis://127.0.0.1:6379/0"

    s3_endpoint_url: str | None = None
    s3_bucket: str = "imagineai-images"
    aws_access_key_id: str | None = None
    aws_secret_access_key: str | None = None
    aws_default_region: str = "us-east-1"
    presigned_url_expires_s: int = Field(3600, ge=60, le=604800)

    jwt_secret_key: str = DEFAULT_KEY
    access_token_minutes: int = Field(30, ge=1)
    refresh_token_days: int = Field(7, ge=1)

    rate_limit_auth: str = "10/minute"
    rate_limit_upload: str = "30/minute"
    rate_limit_analysis: str = "60/minute"
    rate_limit_read: str = "120/minute"
    websockets_per_user: int = Field(5, ge=1)

    inference_host: str = "127.0.0.1"
    inference_port: int = Field(8001, ge=0, le=65535)
    inference_url: str = "http://127.0.0.1:8001"
    inference_secret: str = DEFAULT_KEY
    inference_timeout_s: float = Field(60, gt=0)
    inference_device: Literal["auto", "cpu", "cuda"] = "auto"
    inference_slots: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """How many pictures are decoded and computed at once, each in a thread of its own.

    On a CPU, more than it has cores halve the throughput. On a GPU such a thread decodes, waits some
    milliseconds for the device and reads off the findings: what the device gets is what the cores decode, so
    they count there too. A few more fill what that waiting leaves idle; the device takes up to 32 at once.
    """
    inference_queue: int = Field(32, ge=1)
    """While so many pictures wait for a slot, ``/analyze`` takes no more."""

    mlflow_tracking_uri: str = "http://127.0.0.1:5000"
    model_name: str = "imagineai"
    model_alias: str = "champion"
    model_cache: Path = Path(".imagineai/model-cache")
    model_poll_s: float = Field(2, gt=0)
    """How often the alias is looked up, whatever webhooks say."""
    model_webhook_secret: str | None = None
    """What MLflow signs its webhook with; unset: the alias is only looked up."""
    promotion_approval: Literal["automatic", "manual"] = "automatic"
    """automatic: a retraining promotes what passes the gate; manual: `make promote` does."""

    prefect_api_url: str = "http://127.0.0.1:4200/api"
    process_images_deployment: str = "process-images/interactive"
    process_batch_deployment: str = "process-batch/batch"
    import_products_deployment: str = "import-products/batch"
    shifts: int = Field(1, ge=0, le=1000)
    """How many interactive shifts are kept open at once."""
    shift_minutes: float = Field(15, gt=0)
    shift_pictures: int = Field(2000, ge=1)
    """A shift ends after so many minutes or pictures, whichever comes first."""
    shift_handover_s: float = Field(30, gt=0)
    """The next shift is ordered so long before the present one ends."""
    shift_heartbeat_s: float = Field(2, gt=0)
    shift_concurrency: int = Field(4, ge=1, le=64)
    """How many pictures a shift has in work at once."""
    batch_concurrency: int = Field(4, ge=1, le=64)
    """How many pictures of a batch are predicted at once."""
    lease_s: float = Field(15, gt=0)
    max_attempts: int = Field(3, ge=1)
    batch_silent_s: float = Field(60, gt=0)
    """A batch's run at work that has let a lease lapse for so long is dead, whatever Prefect says of it."""
    dispatch_poll_s: float = Field(1, gt=0)

    imports_per_user: int = Field(10, ge=1, le=1000)
    """How many imports of one user may be there that have not ended."""
    import_max_bytes: int = Field(2_000_000_000, ge=1, le=5_000_000_000)
    """How large an archive may be; S3 takes no more than 5 GB at once."""
    import_max_csv_bytes: int = Field(50_000_000, ge=1, le=1_000_000_000)
    import_max_unpacked_bytes: int = Field(10_000_000_000, ge=1)
    """How much all that lies in an archive may be once it is unpacked."""
    import_max_rows: int = Field(100_000, ge=1, le=1_000_000)
    import_concurrency: int = Field(4, ge=1, le=64)
    """How many pictures an import reads, proves and stores at once."""
    import_ahead: int = Field(8, ge=1, le=10_000)
    """So many pictures of an import wait for their analysis at most: an upload comes behind no more."""
    import_turn_minutes: float = Field(5, gt=0)
    """A run of an import ends after so long and the next one goes on, behind the batches that wait."""
    import_resume_hours: float = Field(24, ge=0)
    """The file of an import that was cancelled, or stopped, is kept for so long."""
    import_days: float = Field(30, ge=1)
    """An import that has ended is listed, with its rows, for so long."""

    housekeeping_cron: str = "23 */6 * * *"
    """When housekeeping runs, in UTC; empty: never by itself. Read by ``python -m flows.deployments``."""
    housekeeping_deployment: str = "housekeeping/batch"
    housekeeping_batch: int = Field(500, ge=1, le=1000)
    """How many rows one of its transactions takes."""
    housekeeping_duty_s: float = Field(30, gt=0)
    """How long one duty goes on; what is left waits for the next run."""
    unconfirmed_upload_hours: float = Field(24, ge=0)
    """An upload that nobody confirmed is kept for so long after its URL has lapsed."""
    orphan_object_hours: float = Field(24, ge=0)
    """An object that no row names is kept for so long; 0 could take one that is just being uploaded."""
    outbox_days: float = Field(7, ge=0)
    """What is done in the outbox is kept for so long."""
    webhook_delivery_days: float = Field(30, ge=7)
    """The log of what webhooks were told is kept for so long."""
    outbox_stuck_attempts: int = Field(10, ge=1)
    """What was tried so often without success is named in the summary."""
    expired_token_days: float = Field(7, ge=0)
    """A refresh token is known for so long after it has expired."""
    flow_run_days: float = Field(30, ge=0)
    """Prefect keeps an ended run of ours, and the database a closed shift, for so long."""

    webhooks_per_user: int = Field(10, ge=1, le=1000)
    webhooks_allow_private: bool = False
    """True lets webhooks call private, loopback and reserved addresses: for a service of one organisation."""
    webhooks_allow_http: bool | None = None
    """Whether http:// is taken beside https://; unset: in development only."""
    webhook_concurrency: int = Field(64, ge=1, le=1000)
    """How many calls one replica makes at once."""
    webhook_connect_timeout_s: float = Field(5, gt=0)
    webhook_timeout_s: float = Field(15, gt=0)
    """How long a call may take in all."""
    webhook_attempts: int = Field(8, ge=1, le=30)
    webhook_retry_s: float = Field(5, gt=0)
    """The wait before the second attempt; each later wait is five times as long."""
    webhook_retry_max_s: float = Field(21600, gt=0)
    webhook_give_up_hours: float = Field(72, gt=0)
    """An endpoint that only failed for so long, and so many attempts, is called no more."""
    webhook_secret_overlap_hours: float = Field(24, ge=0)
    """How long the secret before the newest signs too."""

    description_writer: Literal["auto", "local", "bedrock"] = "auto"
    """auto: Bedrock where BEDROCK_MODEL_ID is set, else the local writer."""
    bedrock_model_id: str | None = None
    bedrock_region: str | None = None
    bedrock_endpoint_url: str | None = None
    bedrock_access_key_id: str | None = None
    bedrock_secret_access_key: str | None = None
    """Where AWS_* are the keys of another S3 than Amazon's; unset: the usual AWS credentials."""
    bedrock_timeout_s: float = Field(20, gt=0)
    bedrock_attempts: int = Field(3, ge=1, le=10)
    bedrock_fallback: bool = False
    """True: a Bedrock failure is answered by the local writer; False: it fails the step in words."""

    operators_host: str = "127.0.0.1"
    operators_port: int = Field(8016, ge=0, le=65535)
    operators_url: str | None = None
    """Where browsers reach the operators' page: the console names it to admins, https makes it all Secure."""
    operators_session_minutes: float = Field(30, gt=0)
    """A session at the operators' page ends so long after the last request, of whichever tab."""
    operators_session_hours: float = Field(12, gt=0)
    """And so long after its sign-in, whatever is open."""
    imagineai_url: str = "http://127.0.0.1:8000"
    """Where the operators' page finds the service, to say how it is."""
    jupyter_url: str | None = None
    """JupyterLab's address with its base path; unset: the operators' page has none."""
    jupyter_token: str | None = None
    """What the operators' page shows JupyterLab in the operator's place."""

    otel_exporter_otlp_endpoint: str | None = None
    """Where traces go, by OTLP over HTTP, such as http://collector:4318; unset: nothing is traced."""

    @property
    def development(self) -> bool:
        """Whether the service runs in development, where /docs exists and weak keys pass."""
        return self.environment == "development"

    @property
    def webhook_schemes(self) -> tuple[str, ...]:
        """How a webhook's URL may begin."""
        plain = self.development if self.webhooks_allow_http is None else self.webhooks_allow_http
        return ("https", "http") if plain else ("https",)

    @cached_property
    def proxies(self) -> tuple[str, ...]:
        """The trusted proxies' addresses."""
        return _comma_separated(self.trusted_proxies)

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """The origins that CORS allows."""
        return _comma_separated(self.cors_origins)

    @field_validator(
        "s3_endpoint_url",
        "bedrock_model_id",
        "bedrock_region",
        "bedrock_endpoint_url",
        "otel_exporter_otlp_endpoint",
        "model_webhook_secret",
        "operators_url",
        "jupyter_url",
        "jupyter_token",
        mode="before",
    )
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("database_url")
    @classmethod
    def _names_the_driver(cls, value: str) -> str:
        scheme, _, rest = value.partition("://")
        if scheme not in {"postgres", "postgresql", "postgresql+psycopg"} or not rest:
            raise ValueError("must look like postgresql://user:password@host:port/database")
        return f"postgresql+psycopg://{rest}"

    @field_validator("redis_url")
    @classmethod
    def _is_a_redis_url(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"redis", "rediss"}:
            raise ValueError("must look like redis://:password@host:port/0")
        return value

    @field_validator(
        "s3_endpoint_url",
        "mlflow_tracking_uri",
        "prefect_api_url",
        "inference_url",
        "otel_exporter_otlp_endpoint",
        "operators_url",
        "imagineai_url",
        "jupyter_url",
    )
    @classmethod
    def _is_a_web_address(cls, value: str | None) -> str | None:
        if value is not None and (
            urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc
        ):
            raise ValueError("must look like http://host:port")
        return value

    @field_validator("rate_limit_auth", "rate_limit_upload", "rate_limit_analysis", "rate_limit_read")
    @classmethod
    def _is_a_rate(cls, value: str) -> str:
        try:
            parse_rate(value)
        except ValueError as error:
            raise ValueError('must look like "10/minute"') from error
        return value

    @model_validator(mode="after")
    def _bedrock_has_a_model(self) -> Self:
        if self.description_writer == "bedrock" and self.bedrock_model_id is None:
            raise ValueError("BEDROCK_MODEL_ID must be set when DESCRIPTION_WRITER is bedrock")
        return self

    @model_validator(mode="after")
    def _production_is_safe(self) -> Self:
        if not self.development:
            for unsafe, sentence in _unsafe(self):
                if unsafe:
                    raise ValueError(sentence)
        return self


def read_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: A variable is wrong; the one sentence names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        variable = ".".join(str(part) for part in first["loc"]).upper()
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{variable}: {reason}." if variable else f"{reason}.") from None


def _unsafe(settings: Settings) -> list[tuple[bool, str]]:
    database_password = urlsplit(settings.database_url).password or ""
    s3_secret = settings.aws_secret_access_key
    return [
        (
            _weak(settings.jwt_secret_key),
            "JWT_SECRET_KEY must be set to at least 32 random bytes outside development",
        ),
        (
            _weak(settings.inference_secret),
            "INFERENCE_SECRET must be at least 32 random bytes outside development",
        ),
        (settings.debug, "DEBUG must be off outside development"),
        ("*" in settings.origins, "CORS_ORIGINS must name origins, not *, outside development"),
        (
            database_password in DEFAULT_PASSWORDS,
            "DATABASE_URL must carry a password of its own outside development",
        ),
        (
            s3_secret is not None and s3_secret in DEFAULT_PASSWORDS,
            "AWS_SECRET_ACCESS_KEY must be a key of its own outside development",
        ),
    ]


def _weak(key: str) -> bool:
    return len(key.encode()) < MIN_KEY_BYTES or key.startswith(DEFAULT_KEY)


def _comma_separated(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())
