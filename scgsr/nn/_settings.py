"""Values for `scgsr.tl.fit`: how a quantity falls with the steps, noise in fixed units."""

from __future__ import annotations

from dataclasses import dataclass

from scgsr import _checks

# Squares of more, summed over the features, come near what float32 can hold.
_MOST_NOISE = 1e9


@dataclass(frozen=True)
class Decay:
    """A smoothness, or a learning rate, that is multiplied by a factor at regular steps.

    At step k it is ``start * factor ** (k // every)``.

    Parameters
    ----------
    start
        Its value at the first step.
    factor
        Factor, above 0 and at most 1; 1 keeps the value constant.
    every
        Number of steps between two multiplications.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or range.

    Examples
    --------
    >>> from scgsr.nn import Decay
    >>> halved = Decay(0.8, factor=0.5, every=100)
    >>> halved.at(99), halved.at(100), halved.at(250)
    (0.8, 0.4, 0.2)
    """

    start: float
    factor: float = 1.0
    every: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", _checks.number("start", self.start, minimum=0))
        factor = _checks.number("factor", self.factor, minimum=0, maximum=1, exclusive=True)
        object.__setattr__(self, "factor", factor)
        object.__setattr__(self, "every", _checks.positive_int("every", self.every))

    def at(self, step: int) -> float:
        """Return the value at a step, the first of which is 0."""
        return self.start * self.factor ** (step // self.every)


@dataclass(frozen=True)
class FixedNoise:
    """Noise of the same standard deviation on every activation.

    Neurons with small activations then lose their information in the noise. With linear neurons and a quadratic penalty
    this keeps the network from lowering the penalty by scale alone.

    Parameters
    ----------
    sd
        Its standard deviation, in units of the activations.

    Raises
    ------
    TypeError, ValueError
        If it is no number from 0 to 1e9.

    Examples
    --------
    >>> import scgsr
    >>> scgsr.nn.FixedNoise(0.5)
    FixedNoise(sd=0.5)
    """

    sd: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "sd", _checks.number("sd", self.sd, minimum=0, maximum=_MOST_NOISE))
