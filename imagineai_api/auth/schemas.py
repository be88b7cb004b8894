"""Accounts and tokens as JSON."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, EmailStr, Field, validate_email
from pydantic_core import PydanticCustomError

from imagineai_api.documentation.examples import CREATED_AT, USER_ID, shown
from imagineai_api.texts import Name, Storable

LOGIN = {"email": "user@example.com", "password": "securepass123"}
PROFILE = {
    "id": USER_ID,
    "email": "user@example.com",
    "full_name": "Jane Doe",
    "is_active": True,
    "created_at": CREATED_AT,
}
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhMWIyYzNkNCJ9.c2lnbmF0dXJl"


class RegisterRequest(BaseModel):
    """A new account. The password is used exactly as sent."""

    model_config = shown({**LOGIN, "full_name": "Jane Doe"})

    email: EmailStr = Field(max_length=254)
    password: Storable = Field(min_length=8, max_length=128)
    full_name: Name


def _as_registered(email: str) -> str:
    """Give an email in the form that registration keeps; what is none is no account's either."""
    try:
        return validate_email(email)[1]
    except PydanticCustomError:
        return email


class LoginRequest(BaseModel):
    """An account's email and password."""

    model_config = shown(LOGIN)

    email: Annotated[Storable, AfterValidator(_as_registered)] = Field(max_length=254)
    password: str = Field(max_length=1024)


class RefreshRequest(BaseModel):
    """A refresh token, good for one use."""

    model_config = shown({"refresh_token": TOKEN})

    refresh_token: str = Field(max_length=4096)


class LogoutRequest(BaseModel):
    """A refresh token of the login that is to end."""

    model_config = shown({"refresh_token": TOKEN})

    refresh_token: Storable = Field(max_length=4096)


class UserResponse(BaseModel):
    """An account, without its secrets."""

    model_config = shown(PROFILE)

    id: UUID
    email: str
    full_name: str
    is_active: bool
    created_at: datetime


class TokenPair(BaseModel):
    """An access token for the next half hour, a refresh token for the one use after it."""

    model_config = shown({"access_token": TOKEN, "refresh_token": TOKEN, "token_type": "bearer"})

    access_token: str
    refresh_token: str
    token_type: str = "bearer"
