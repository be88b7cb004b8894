"""Where an answer leads: links of the OpenAPI document, from a call to those that take what it gave."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

Gives = dict[str, Any]
"""What a call takes from an answer: its parameters or the fields of its body, as runtime expressions."""

PRODUCT: Gives = {"product_id": "$response.body#/id"}
PICTURES: Gives = {**PRODUCT, "image_ids": ["$response.body#/images/0/id"]}
IMAGE: Gives = {"image_id": "$response.body#/image_id"}
ACCOUNT: Gives = {"email": "$request.body#/email", "password": "$request.body#/password"}
WEBHOOK: Gives = {"webhook_id": "$response.body#/id"}
IMPORT: Gives = {"import_id": "$response.body#/id"}
SESSION: Gives = {"refresh_token": "$response.body#/refresh_token"}


def _each(*operations: str, takes: Gives) -> dict[str, Gives]:
    return dict.fromkeys(operations, takes)


def _job(pointer: str) -> dict[str, Gives]:
    return _each("get_job", "get_batch", "cancel_batch", takes={"job_id": f"$response.body#/{pointer}"})


OF_A_PRODUCT = {
    **_each("get_product", "update_product", "delete_product", "get_product_analysis", takes=PRODUCT),
    **_each("upload_directly", "get_presigned_url", takes=PRODUCT),
}
OF_AN_IMAGE = _each("get_analysis", "retry_analysis", takes=IMAGE)
OF_A_WEBHOOK = _each(
    "get_webhook",
    "update_webhook",
    "rotate_webhook_secret",
    "ping_webhook",
    "list_deliveries",
    "delete_webhook",
    takes=WEBHOOK,
)
OF_AN_IMPORT = _each("get_import", "list_import_rows", "start_import", "cancel_import", takes=IMPORT)
LINKS: dict[str, dict[str, Gives]] = {
    "register": {"log_in": ACCOUNT},
    "log_in": {"refresh": SESSION},
    "refresh": {"refresh": SESSION},
    "create_product": OF_A_PRODUCT,
    "get_product": {"create_batch": PICTURES},
    "get_presigned_url": {"confirm_upload": IMAGE},
    "confirm_upload": {**OF_AN_IMAGE, **_job("job_id")},
    "upload_directly": {**OF_AN_IMAGE, **_job("job_id")},
    "retry_analysis": _job("job_id"),
    "create_batch": _job("id"),
    "create_webhook": OF_A_WEBHOOK,
    "create_import": OF_AN_IMPORT,
}


def operation_id(route: APIRoute) -> str:
    """Name an operation as its function is named: links and generated clients speak of it by that."""
    return route.name


def install(app: FastAPI) -> None:
    """Write the links into the application's document."""
    plain = app.openapi

    def with_links() -> dict[str, Any]:
        if app.openapi_schema is None:
            operations = {
                operation["operationId"]: operation
                for path in plain()["paths"].values()
                for operation in path.values()
            }
            for source, targets in LINKS.items():
                success = next(iter(operations[source]["responses"].values()))
                success["links"] = {
                    target: _link(operations[target], gives) for target, gives in targets.items()
                }
        return plain()

    app.openapi = with_links  # type: ignore[method-assign]


def _link(target: dict[str, Any], gives: Gives) -> dict[str, Any]:
    in_path = {parameter["name"] for parameter in target.get("parameters", [])}
    where = "parameters" if in_path >= gives.keys() else "requestBody"
    return {"operationId": target["operationId"], where: gives}
