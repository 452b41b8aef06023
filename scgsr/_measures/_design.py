"""What is known of samples -> the terms of a linear model, and which of them are asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scgsr._checks import about, listed


@dataclass(frozen=True, eq=False, kw_only=True)
class Design:
    """A linear model of samples: a constant, the condition, then blocks and covariates."""

    matrix: np.ndarray  # (n_samples, n_terms)
    levels: tuple[
        str, ...
    ]  # what each term of the condition is: a level against the reference, or the condition itself
    reference: str  # empty for a condition of numbers

    @property
    def terms(self) -> list[int]:
        """The columns of the condition."""
        return list(range(1, 1 + len(self.levels)))


def design_of(condition: pd.Series, others: Sequence[tuple[str, pd.Series]], *, reference: str | None = None) -> Design:
    """Return the model that tests a condition.

    Parameters
    ----------
    condition
        Of each sample, (n_samples,): numbers, whose slope is tested, or categories, each tested against the reference.
    others
        Blocks and covariates, each with the name of its argument.
    reference
        The category to compare with. None: the first.

    Raises
    ------
    ValueError
        If a level has fewer than two samples, if there is no such reference, or if something else says the same as the
        condition.
    """
    of_condition, levels, reference = _condition(condition, reference)
    constant = np.ones((len(condition), 1))
    of_others = [_columns(values) for _, values in others]
    for (argument, values), columns in zip(others, of_others, strict=True):
        if _rank(constant, columns, of_condition) < _rank(constant, columns) + len(levels):
            msg = (
                f"`{argument}`: {values.name!r} and the condition {condition.name!r} cannot be told apart, because one "
                "follows from the other in these samples; leave it out, or compare within its groups."
            )
            raise about(argument, ValueError(msg))
    matrix = np.hstack([constant, of_condition, *of_others])
    if _rank(matrix) < _rank(constant, *of_others) + len(levels):
        msg = f"`covariates` and `block_key` together say the same as the condition {condition.name!r}; leave some out."
        raise about("covariates", ValueError(msg))
    if _rank(matrix) >= len(matrix):
        msg = (
            f"`covariates` and `block_key` leave no degree of freedom: {len(matrix)} samples, {matrix.shape[1]} terms; "
            "leave some out, or measure more samples."
        )
        raise about("covariates", ValueError(msg))
    return Design(matrix=matrix, levels=levels, reference=reference)


def _condition(condition: pd.Series, reference: str | None) -> tuple[np.ndarray, tuple[str, ...], str]:
    """Return the columns of the condition, what each stands for, and the reference."""
    if pd.api.types.is_numeric_dtype(condition.dtype) and not pd.api.types.is_bool_dtype(condition.dtype):
        if reference is not None:
            msg = (
                f"`reference`={reference!r} has no meaning for numbers, whose slope is tested; make {condition.name!r} "
                "categorical to compare its values."
            )
            raise about("reference", ValueError(msg))
        if not np.isfinite(condition.to_numpy(dtype=np.float64)).all():
            msg = f"`condition_key`: {condition.name!r} must have finite numbers, got infinite ones."
            raise about("condition_key", ValueError(msg))
        if condition.nunique() < 2:
            msg = f"`condition_key`: {condition.name!r} is the same in all samples."
            raise about("condition_key", ValueError(msg))
        return condition.to_numpy(dtype=np.float64)[:, None], (str(condition.name),), ""
    categories = pd.Categorical(condition).remove_unused_categories()
    names = [str(name) for name in categories.categories]
    if reference is not None and str(reference) not in names:
        msg = f"`reference`={reference!r} must be one of the levels {names} of {condition.name!r}."
        raise about("reference", ValueError(msg))
    if len(names) < 2:
        msg = f"`condition_key`: {condition.name!r} must have two levels or more, got {names}."
        raise about("condition_key", ValueError(msg))
    n_samples = np.bincount(categories.codes, minlength=len(names))
    if (n_samples < 2).any():
        alone = listed([name for name, n in zip(names, n_samples, strict=True) if n < 2])
        msg = (
            f"`condition_key`: {condition.name!r} has fewer than two samples in {alone}. Samples are the replicates: "
            "cells of one sample resemble each other, and would make any difference look certain. Measure more samples."
        )
        raise about("condition_key", ValueError(msg))
    first = names[0] if reference is None else str(reference)
    levels = tuple(name for name in names if name != first)
    of_sample = np.array(names, dtype=object)[categories.codes]
    return np.column_stack([of_sample == level for level in levels]).astype(np.float64), levels, first


def _columns(values: pd.Series) -> np.ndarray:
    """Return numbers around their mean, or one column for each category but the first, (n_samples, n_columns)."""
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64)
        return (numbers - numbers.mean())[:, None]
    codes = pd.Categorical(values).remove_unused_categories().codes
    return (codes[:, None] == np.arange(1, codes.max() + 1)).astype(np.float64)


def _rank(*columns: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(np.hstack(columns)))
