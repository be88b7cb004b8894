"""/models: what this replica answers with."""

from fastapi import APIRouter, Request

from imagineai_api.documentation.errors import errors
from imagineai_api.gate import SignedIn, gate
from imagineai_api.limits import Tier
from imagineai_api.models import service as models
from imagineai_api.models.schemas import ModelCard, ServedModels

router = APIRouter(prefix="/models", tags=["Models"], route_class=gate(Tier.READ))


@router.get("", summary="Get the served model", responses=errors(401))
async def get_models(request: Request, user: SignedIn) -> ServedModels:
    """Say which model version this replica answers with, since when, and where it comes from."""
    return models.served(request.app.state.models, request.app.state.settings.model_name)


@router.get(
    "/card",
    summary="Get the served model's card",
    responses=errors(401, 404, says={404: models.NO_CARD}),
)
async def get_model_card(request: Request, user: SignedIn) -> ModelCard:
    """Give the card of the model that this replica answers with: its data, figures and limits."""
    return await models.card(request.app.state.models)
