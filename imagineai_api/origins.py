"""Which browsers' pages may call the service (CORS); a refusal is answered in the one error form."""

from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response


class AllowedOrigins(CORSMiddleware):
    """Starlette's middleware, whose refusals are plain text otherwise."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a preflight request."""
        reply = super().preflight_response(request_headers)
        if reply.status_code < 400:
            return reply
        kept = {name: value for name, value in reply.headers.items() if not name.startswith("content-")}
        return JSONResponse(
            {"detail": "This origin, method or header is not allowed."}, status_code=400, headers=kept
        )
