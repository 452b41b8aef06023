"""How a fit comes about: one pure way from a view of the cells to the fitted model and the labels."""

from scgsr._train._config import TrainConfig
from scgsr._train._explainable import carries_nothing
from scgsr._train._learn import Learned, learn
from scgsr._train._processes import in_processes, n_processors

__all__ = ["Learned", "TrainConfig", "carries_nothing", "in_processes", "learn", "n_processors"]
