"""How a fit comes about: training on a given or a learned graph, checkpoints."""

from scgsr._train._config import TrainConfig
from scgsr._train._learn import train

__all__ = ["TrainConfig", "train"]
