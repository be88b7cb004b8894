"""What MLflow loads for whoever uses a registered version without the API: code, not a pickle."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext

from imagineai_vision.engine import Engine


class ServedModel(PythonModel):  # type: ignore[misc]  # mlflow is not typed
    """Encoded pictures in, findings as JSON out."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the bundle that was logged with this model."""
        self.engine = Engine.open(Path(context.artifacts["bundle"]))

    def predict(self, context: PythonModelContext, model_input: list[bytes]) -> list[str]:
        """Answer each encoded picture with ``Prediction.as_dict`` as JSON.

        Raises:
            PictureError: One of them is not a picture.
        """
        return [json.dumps(self.engine.predict(picture).as_dict()) for picture in model_input]


mlflow.models.set_model(ServedModel())
