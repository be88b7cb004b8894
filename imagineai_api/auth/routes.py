"""POST /auth/register, /auth/login, /auth/refresh, /auth/logout; GET /auth/me."""

from fastapi import APIRouter, Request, Response

from imagineai_api.auth import service as auth
from imagineai_api.auth.schemas import (
    LoginRequest,
    LogoutRequest,
    RefreshRequest,
    RegisterRequest,
    TokenPair,
    UserResponse,
)
from imagineai_api.documentation.errors import errors
from imagineai_api.gate import SignedIn, gate
from imagineai_api.limits import Tier
from imagineai_api.tables import ADMIN

PER_MINUTE = 10
"""The limit of those who are not signed in, for the document."""

router = APIRouter(prefix="/auth", tags=["Authentication"])
strangers = APIRouter(route_class=gate(Tier.AUTH, signed_in=False))
signed_in = APIRouter(route_class=gate(Tier.READ))


@strangers.post(
    "/register",
    status_code=201,
    summary="Register",
    responses=errors(
        400, 409, 422, per_minute=PER_MINUTE, says={409: auth.TAKEN, 422: "password is required."}
    ),
)
async def register(request: Request, account: RegisterRequest) -> UserResponse:
    """Create an account."""
    state = request.app.state
    user = await auth.register(state.database, state.passwords, **account.model_dump())
    return UserResponse(**user)


@strangers.post(
    "/login",
    summary="Log in",
    responses=errors(
        400, 401, 422, per_minute=PER_MINUTE, says={401: auth.REFUSED, 422: "password is required."}
    ),
)
async def log_in(request: Request, account: LoginRequest) -> TokenPair:
    """Exchange an email and a password for a token pair."""
    state = request.app.state
    return await auth.log_in(state.database, state.passwords, state.tokens, **account.model_dump())


@strangers.post(
    "/refresh",
    summary="Refresh the token pair",
    responses=errors(
        400, 401, 422, per_minute=PER_MINUTE, says={401: auth.DEAD_TOKEN, 422: "refresh_token is required."}
    ),
)
async def refresh(request: Request, body: RefreshRequest) -> TokenPair:
    """Exchange a refresh token for a new pair; it is dead afterwards."""
    state = request.app.state
    return await auth.refresh(state.database, state.tokens, refresh_token=body.refresh_token)


@strangers.post(
    "/logout",
    status_code=204,
    summary="Log out",
    responses=errors(400, 422, per_minute=PER_MINUTE, says={422: "refresh_token is required."}),
)
async def log_out(request: Request, body: LogoutRequest) -> None:
    """Kill a refresh token and all that came of the same login; access tokens live on until they expire.

    The answer is the same for a token that is unknown, expired or used.
    """
    state = request.app.state
    await auth.log_out(state.database, state.tokens, refresh_token=body.refresh_token)


@signed_in.get("/me", summary="Get the current user", responses=errors(401))
async def get_me(user: SignedIn, request: Request, response: Response) -> UserResponse:
    """Give the profile of the caller; a header tells an admin where the operators' page is."""
    operators_url = request.app.state.settings.operators_url
    if user.role == ADMIN and operators_url is not None:
        response.headers["Link"] = f'<{operators_url}>; rel="related"; title="Operators\' page"'
    return UserResponse.model_validate(user, from_attributes=True)


router.include_router(strangers)
router.include_router(signed_in)
