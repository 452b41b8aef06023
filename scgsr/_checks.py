"""How the package speaks: value checks with one wording, names cut short, and its one logger.

An error of a check names the argument, what was received and what is allowed; it also carries the argument as an
attribute, from which the command line names its option.
"""

from __future__ import annotations

import functools
import inspect
import logging
import math
import numbers
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np


class _Voice(logging.LoggerAdapter[logging.Logger]):
    """The logger of the package, whose lines are also seen by those who have set up no logging.

    Who has set any up, a level or a handler for "scgsr" or a root that takes the line, has it his way. Else lines of
    information and warnings go to the standard error, unless Scanpy is told to be quiet (`sc.settings.verbosity = 0`).
    """

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Say a line, or hand it to the logger of those who have one."""
        if self._is_set_up(level):
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1  # the line comes from who calls `info`
            super().log(level, msg, *args, **kwargs)
        elif level >= logging.INFO and not _scanpy_is_quiet() and self._passes(level, msg):
            sys.stderr.write(f"{str(msg) % args if args else msg}\n")

    def _passes(self, level: int, msg: object) -> bool:
        return bool(self.logger.filter(logging.makeLogRecord({"levelno": level, "msg": msg})))

    def _is_set_up(self, level: int) -> bool:
        logger = self.logger
        own = bool(logger.handlers) or logger.level != logging.NOTSET or logger.disabled
        return own or (bool(logging.root.handlers) and logger.isEnabledFor(level))


def _scanpy_is_quiet() -> bool:
    scanpy = sys.modules.get("scanpy")  # never loaded for this
    return scanpy is not None and int(scanpy.settings.verbosity) < 1


log = _Voice(logging.getLogger("scgsr"))

_Error = TypeVar("_Error", bound=Exception)

_P = ParamSpec("_P")
_R = TypeVar("_R")

# What users of other packages try: the argument that it is here, how it is written, and what to do where there is none.
_ELSEWHERE = "features are chosen by `mask_var` of `scgsr.tl.fit`"
_OF_LEIDEN = "modules are found among neurons, by `resolution` or `n_clusters` of `scgsr.tl.cluster`"
_QUIET = "`scanpy.settings.verbosity = 0` or `logging.getLogger('scgsr').setLevel('ERROR')` says less"
_FOREIGN = {
    **dict.fromkeys(["random_state", "seed"], ("rng", "rng={!r}", "nothing is drawn at random; leave it out")),
    "use_highly_variable": ("mask_var", "mask_var='highly_variable', or None for all", _ELSEWHERE),
    "inplace": ("copy", "copy=True for a copy, else results go to `adata`", "leave it out"),
    **dict.fromkeys(["verbose", "verbosity"], ("", "", _QUIET)),
    **dict.fromkeys(["n_modules", "k"], ("n_clusters", "n_clusters={!r}", _OF_LEIDEN)),
    **dict.fromkeys(["n_clusters", "resolution"], ("", "", _OF_LEIDEN)),
    **dict.fromkeys(
        ["flavor", "n_iterations", "directed", "neighbors_key", "obsp", "restrict_to"], ("", "", _OF_LEIDEN)
    ),
    **dict.fromkeys(["epochs", "max_epochs"], ("n_epochs", "n_epochs={!r}", "leave it out")),
    "lr": ("learning_rate", "learning_rate={!r}", "leave it out"),
}

# How many names a message spells out.
_NAMES_SHOWN = 5


def about(argument: str, error: _Error) -> _Error:
    """Return the error with the name of the argument that it is about as its attribute `argument`."""
    error.argument = argument  # type: ignore[attr-defined]  # errors take attributes
    return error


def listed(names: Sequence[Any]) -> str:
    """Return names as a list in words, at most five of them: ``"a, b, c, d, e and 3 more"``."""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(str(name) for name in names[:_NAMES_SHOWN]) + more


def verb(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Answer arguments that other packages have with what they are called here."""
    names = inspect.signature(function).parameters

    @functools.wraps(function)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        refuse_foreign(function, names, kwargs)
        return function(*args, **kwargs)

    return checked


def refuse_foreign(function: Callable[..., Any], names: Iterable[str], given: Mapping[str, Any]) -> None:
    """Raise TypeError for an argument of another package, with what to write instead."""
    for name in given.keys() & _FOREIGN.keys() - set(names):
        argument, written, otherwise = _FOREIGN[name]
        called = f"{function.__module__.partition('._')[0]}.{function.__name__}"
        cure = f"write {written.format(given[name])}" if argument in names else otherwise
        msg = f"`{name}` is no argument of `{called}`: {cure}."
        raise about(name, TypeError(msg))


def positive_int(name: str, value: Any, *, minimum: int = 1) -> int:
    """Return `value` as an int of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        msg = f"`{name}` must be an integer, got {value!r} of type {type(value).__name__}."
        raise about(name, TypeError(msg))
    if value < minimum:
        msg = f"`{name}` must be at least {minimum}, got {value}."
        raise about(name, ValueError(msg))
    return int(value)


def number(
    name: str,
    value: Any,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    exclusive: bool = False,
) -> float:
    """Return `value` as a finite float in [minimum, maximum], or strictly above `minimum` if `exclusive`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        msg = f"`{name}` must be a number, got {value!r} of type {type(value).__name__}."
        raise about(name, TypeError(msg))
    value = float(value)
    too_low = value <= minimum if exclusive else value < minimum
    if not math.isfinite(value) or too_low or value > maximum:
        low = f"above {minimum:g}" if exclusive else f"at least {minimum:g}"
        parts = [low] if minimum > -math.inf else []
        parts += [f"at most {maximum:g}"] if maximum < math.inf else []
        msg = f"`{name}` must be finite{''.join(' and ' + part for part in parts)}, got {value}."
        raise about(name, ValueError(msg))
    return value


def one_of(name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of the strings `allowed`."""
    options = list(allowed)
    if not isinstance(value, str):
        msg = f"`{name}` must be a string, one of {options}, got {value!r} of type {type(value).__name__}."
        raise about(name, TypeError(msg))
    if value not in options:
        msg = f"`{name}` must be one of {options}, got {value!r}."
        raise about(name, ValueError(msg))
    return value


def names(name: str, value: Any) -> list[Any]:
    """Return one name, or several, as a list."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, Iterable):
        msg = f"`{name}` must be a name or a list of names, got {value!r} of type {type(value).__name__}."
        raise about(name, TypeError(msg))
    return list(value)


def instance(name: str, value: Any, types: type | tuple[type, ...], *, hint: str = "") -> None:
    """Raise TypeError unless `value` is an instance of `types`."""
    if not isinstance(value, types):
        wanted = " or ".join(
            "None" if t is type(None) else t.__name__ for t in (types if isinstance(types, tuple) else (types,))
        )
        msg = f"`{name}` must be {wanted}, got {type(value).__name__}.{' ' + hint if hint else ''}"
        raise about(name, TypeError(msg))


def existing_key(name: str, key: Any, available: Iterable[Any], *, where: str, hint: str = "") -> None:
    """Raise KeyError, listing what exists, unless `key` is among `available`."""
    options = [option for option in available if option is not None]
    if key not in options:
        msg = f"`{name}`={key!r} is not in {where}, which has {options}.{' ' + hint if hint else ''}"
        raise about(name, KeyError(msg))


def is_whole(matrix: Any) -> bool:
    """Return whether all indices of a sparse matrix are within its shape: SciPy follows others out of its memory."""
    if matrix.format not in ("csr", "csc", "bsr"):
        return True
    try:
        matrix.check_format(full_check=True)
    except ValueError:
        return False
    return bool((np.diff(matrix.indptr) >= 0).all())  # SciPy does not look where the last one is 0
