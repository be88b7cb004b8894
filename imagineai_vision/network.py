"""The network: a shared trunk; on it a label head, a trained branch, the embedding and a defect head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from imagineai_vision.branch import Branch
from imagineai_vision.bundle import DEFECT_OUTPUTS, LABEL_OUTPUTS
from imagineai_vision.defect_head import DefectHead
from imagineai_vision.label_head import LabelHead
from imagineai_vision.trunk import EfficientNetLite0, normalised

Outputs = dict[str, Tensor]
"""What one pass yields for N pictures of side S, by name; ``ShopNetwork.outputs`` lists the names.

label_logits: Float, shape (N, L); their softmax gives the probabilities of the L labels.
embedding: Float, shape (N, 1280); the pooled features under the label head.
defect_presence, defect_types: As ``DefectMaps`` has them; only where there is a defect head.
"""


class ShopNetwork(nn.Module):
    """Pictures in; label logits, embeddings and maps of defects out.

    Args:
        class_labels: For each class of the classifier the index of its label; several classes may share one.
        class_offsets: For each class what is added to its logit: the log of how much more frequent it is in a
            shop than in the training data.
        trained_labels: For each label of the branch the index of its label; empty where there is no branch.
        class_shares: For each class the share of its probability that it hands to the branch's labels.
        branch_temperature: Of the softmax over the branch's labels.
        gate: Slope and offset that turn the log odds of what classes hand over into those of a trained label.
        whole: Whether the branch begins at the pixels instead of where the trunk's body ends.
        defect_types: How many types of defects are told apart; 0 for no defect head.
    """

    def __init__(
        self,
        class_labels: Sequence[int],
        class_offsets: Sequence[float],
        trained_labels: Sequence[int] = (),
        class_shares: Sequence[float] = (),
        branch_temperature: float = 1.0,
        gate: Sequence[float] = (1.0, 0.0),
        whole: bool = False,
        defect_types: int = 0,
    ) -> None:
        super().__init__()
        self.trunk = EfficientNetLite0()
        self.label_head = LabelHead(class_labels, class_offsets, trained_labels, class_shares, gate)
        self.branch = Branch(len(trained_labels), whole) if trained_labels else None
        self.branch_temperature = branch_temperature
        self.defect_head = DefectHead(defect_types) if defect_types else None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what a pass yields, in order."""
        return LABEL_OUTPUTS if self.defect_head is None else (*LABEL_OUTPUTS, *DEFECT_OUTPUTS)

    def forward(self, rgb: Tensor) -> Outputs:
        """Run one pass.

        Args:
            rgb: Pictures as ``picture.read`` returns them, uint8, shape (N, H, W, 3).
        """
        pixels = normalised(rgb, self.trunk.stem.conv.weight.dtype)
        features = self.trunk.body(pixels)
        embedding = self.trunk.tail(features.stride16).mean(dim=(2, 3))
        if self.branch is None:
            logits = self.label_head(embedding)
        else:
            trained = self.branch(pixels if self.branch.whole else features.stride16)
            logits = self.label_head.shared(embedding, trained / self.branch_temperature)
        outputs = dict(zip(LABEL_OUTPUTS, (logits, embedding), strict=True))
        if self.defect_head is not None:
            outputs.update(zip(DEFECT_OUTPUTS, self.defect_head(features), strict=True))
        return outputs


def load_network(arguments: dict[str, Any], weights: Path) -> ShopNetwork:
    """Build the network of a bundle in evaluation mode, in single precision, on the CPU.

    Args:
        arguments: Of ``ShopNetwork``, as model.json has them.
        weights: The bundle's safetensors file.

    Raises:
        RuntimeError: The file's weights are not those of this network.
    """
    network = ShopNetwork(**arguments).eval()
    # Batch counters are of use to training alone: no bundle has them.
    counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
    stored = {name: tensor.float() for name, tensor in load_file(weights).items()}
    network.load_state_dict({**counters, **stored})
    return network
