"""Everything that can go wrong, as one tree.

ImagineAIError                    500
├── SettingsError                      the service does not start
├── BadRequest                    400  the body is not JSON
├── Unauthorized                  401  4001 on a socket
├── Forbidden                     403
├── NotFound                      404  4003 on a socket: what is not yours does not exist
├── MethodNotAllowed              405
├── Conflict                      409
├── TooLarge                      413
├── UnsupportedType               415
├── Invalid                       422
│   └── NotAPicture               422  the picture does not decode
├── TooManyRequests               429  4029 on a socket
├── BadGateway                    502
│   └── DescriptionError          502  Bedrock did not answer
└── Unavailable                   503
    ├── DatabaseAway              503
    ├── Contended                 503  others change the same thing at the same moment
    ├── RedisAway                 503
    ├── StorageAway               502  the reference counts S3 as a service behind this one
    ├── PrefectAway               503
    ├── RegistryAway              503
    │   └── BadBundle             503  the promoted bundle is refused; the champion before it serves on
    ├── InferenceAway             503
    │   └── PredictionLost        503  it was reached and gave no answer, which may be the picture's doing
    ├── Busy                      503  so many pictures wait that another one would wait too long
    └── NoModel                   503  nothing is promoted yet
Beside them, raised only inside a flow:
    Superseded                         the job was cancelled, deleted or taken over
    ObjectChanged                      the stored object is not the one that was confirmed
"""

from collections.abc import Mapping


class ImagineAIError(Exception):
    """An error whose text is a sentence for the person who called.

    Attributes:
        status: The HTTP status that answers it.
        close_code: The WebSocket close code that answers it.
        headers: Headers that go with the answer.
    """

    status = 500
    close_code = 1011
    sentence = "The service met an error that it did not expect."

    def __init__(self, sentence: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence or self.sentence)
        self.headers = dict(headers or {})


class SettingsError(ImagineAIError):
    """A variable is wrong; the sentence names it."""


class BadRequest(ImagineAIError):
    """The body cannot be read."""

    status = 400
    sentence = "The body is not valid JSON."


class Unauthorized(ImagineAIError):
    """No valid token."""

    status = 401
    close_code = 4001
    sentence = "The access token is missing, invalid or expired."

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(ImagineAIError):
    """Known, but not allowed."""

    status = 403
    sentence = "This is not allowed."


class NotFound(ImagineAIError):
    """It does not exist, or it is somebody else's."""

    status = 404
    close_code = 4003
    sentence = "There is nothing at this address."


class MethodNotAllowed(ImagineAIError):
    """The path exists, the method does not."""

    status = 405
    sentence = "This path does not take this method."


class Conflict(ImagineAIError):
    """The state does not allow it now."""

    status = 409
    sentence = "This is in conflict with what is there."


class TooLarge(ImagineAIError):
    """The body is over its limit."""

    status = 413
    sentence = "The body is too large."


class UnsupportedType(ImagineAIError):
    """The declared type is not one of those taken."""

    status = 415
    sentence = "This content type is not supported."


class Invalid(ImagineAIError):
    """The request was understood and is wrong."""

    status = 422
    sentence = "The request is not valid."


class NotAPicture(Invalid):
    """The content is not a picture that can be used."""

    sentence = "The file is not a picture that can be read."


class TooManyRequests(ImagineAIError):
    """Over the rate limit."""

    status = 429
    close_code = 4029
    sentence = "Too many requests: wait and try again."


class BadGateway(ImagineAIError):
    """A service behind this one answered wrongly."""

    status = 502
    sentence = "A service behind this one did not answer as it should."


class DescriptionError(BadGateway):
    """Amazon Bedrock did not write the description."""

    sentence = "Amazon Bedrock did not write the description."


class Unavailable(ImagineAIError):
    """A part is away for now."""

    status = 503
    close_code = 1013
    sentence = "A part of the service is away: try again in a moment."

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence, headers={"Retry-After": "2"})


class DatabaseAway(Unavailable):
    """PostgreSQL cannot be reached."""

    sentence = "The database is away: try again in a moment."


class Contended(Unavailable):
    """Others change the same rows at the same moment, and this one was chosen to give way."""

    sentence = "Others are changing the same thing just now: try again in a moment."


class RedisAway(Unavailable):
    """Redis cannot be reached."""

    sentence = "Redis is away: try again in a moment."


class StorageAway(Unavailable):
    """S3 cannot be reached."""

    status = 502

    sentence = "The picture storage is away: try again in a moment."


class PrefectAway(Unavailable):
    """The Prefect server cannot be reached."""

    sentence = "Prefect is away."


class RegistryAway(Unavailable):
    """MLflow cannot be reached, or the registry does not hold what it should."""

    sentence = "The model registry is away."


class BadBundle(RegistryAway):
    """The bundle that a model version holds is cut, altered, or does not answer as it must."""

    sentence = "The model version holds no good bundle."


class InferenceAway(Unavailable):
    """The prediction service cannot be reached."""

    sentence = "The prediction service is away."


class PredictionLost(InferenceAway):
    """The prediction service took a picture and ended, or fell silent, before it answered."""

    sentence = "The prediction service gave no answer."


class Busy(Unavailable):
    """More is asked for than can be computed; what is refused has cost nothing."""

    sentence = "More pictures are waiting than can be analysed at once: try again in a moment."


class NoModel(Unavailable):
    """No model is promoted yet."""

    sentence = "No model is promoted yet."


class Superseded(ImagineAIError):
    """The work is no longer this worker's: cancelled, deleted or taken over."""

    sentence = "The job was cancelled, deleted or taken over."


class ObjectChanged(ImagineAIError):
    """The stored object is gone or is not the one that was confirmed."""

    sentence = "The stored picture was changed or deleted after its upload was confirmed."
