"""Accounts and tokens as JSON."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, EmailStr, Field, JsonValue

from imagineai_api.texts import Name, Storable

EXAMPLE_USER: dict[str, JsonValue] = {
    "email": "user@example.com",
    "password": "securepass123",
    "full_name": "Jane Doe",
}


class RegisterRequest(BaseModel):
    """A new account. The password is used exactly as sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_USER]})

    email: EmailStr = Field(max_length=254)
    password: Storable = Field(min_length=8, max_length=128)
    full_name: Name


class LoginRequest(BaseModel):
    """An account's email and password."""

    email: Storable = Field(max_length=254)
    password: str = Field(max_length=1024)


class RefreshRequest(BaseModel):
    """A refresh token, good for one use."""

    refresh_token: str = Field(max_length=4096)


class UserResponse(BaseModel):
    """An account, without its secrets."""

    id: UUID
    email: str
    full_name: str
    is_active: bool
    created_at: datetime


class TokenPair(BaseModel):
    """An access token for the next half hour, a refresh token for the one use after it."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"
