"""Programs: which features rise or fall with a module, where they are high, and what would change its activation.

A network that was trained to reconstruct a feature encodes it, noise or not, and it has learned the chance associations
of its training cells. So a feature counts as part of a program only if the module responds to it with *the feature
hidden* from the network, in cells that the network *was not trained on*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy
import torch
from scipy import sparse

from scgsr import _device
from scgsr._model import FittedModel
from scgsr._values import Batches, Matrix, dense_rows, standardised

# Fewer held-out cells than this can show nothing.
FEWEST_CELLS = 20
# Features are hidden in so many random blocks, all features of a block at once.
_HIDDEN_BLOCKS = 50
# A pair of feature and module is put to the test if training cells propose it at this false discovery rate.
_PROPOSAL_RATE = 0.05
# The least p-value that is reported, above 0.
_LEAST_P = float(np.finfo(np.float64).tiny)
# Rows that are turned into float64, and columns that are tested, at once.
_ROWS_AT_ONCE, _COLUMNS_AT_ONCE = 1024, 512


def effects(matrix: Matrix, sd: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Return the Pearson correlation of each feature with each module's lead, (n_features, n_modules) float64.

    The lead of the module that responds most in a cell is its response less the next largest; the other leads are 0.

    Parameters
    ----------
    matrix
        All cells, dense or CSR, (n_cells, n_features).
    sd
        Standard deviation of each feature, (n_features,), 0 for a constant one, whose correlations are NaN.
    responses
        Leads of the modules, (n_cells, n_modules).
    """
    n_cells = matrix.shape[0]
    centred = responses - responses.mean(axis=0, dtype=np.float64)  # (n_cells, n_modules)
    # The mean of a feature drops out, because the centred responses sum to zero: a sparse matrix stays sparse.
    product = np.zeros((matrix.shape[1], responses.shape[1]))
    for start in range(0, n_cells, _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        product += matrix[rows].astype(np.float64).T @ centred[rows]
    spread = n_cells * sd[:, None] * centred.std(axis=0)  # (n_features, n_modules)
    return np.divide(product, spread, out=np.full(product.shape, np.nan), where=spread > 0)


@dataclass(frozen=True, eq=False)
class Tails:
    """A standardised correlation and the shares of permutations of the cells that give a lower or a higher one."""

    scores: np.ndarray  # (n_features, n_modules), r * sqrt(n_cells - 1)
    lower: np.ndarray
    upper: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, responses: np.ndarray) -> Tails:
        """Return the tails for (n_cells, n_features) and (n_cells, n_modules).

        Over all permutations of the cells a correlation r has mean 0, variance 1 / (n - 1), and the skewness
        sqrt(n - 1) / (n - 2) times the product of the skewnesses of the two variables. The Pearson type III
        distribution with these moments stands for the permutations. What is constant has score 0 and p-value 1.
        """
        n = len(features)
        x, y = (standardised(columns) * np.sqrt(n) for columns in (features, responses))  # of variance 1
        scores = x.T @ y * (np.sqrt(n - 1) / n)
        skewness = np.outer((x**3).mean(axis=0), (y**3).mean(axis=0)) * (np.sqrt(n - 1) / (n - 2))
        varies = np.outer(x.any(axis=0), y.any(axis=0))
        # The Pearson type III distribution has an end opposite its skewness, which permutations may pass. There the
        # normal tail is used: the lower one for a positive skewness, the upper one for a negative.
        lower = scipy.stats.pearson3.cdf(scores, np.minimum(skewness, 0))
        upper = scipy.stats.pearson3.sf(scores, np.maximum(skewness, 0))
        return cls(scores, np.where(varies, lower, 1.0), np.where(varies, upper, 1.0))

    @property
    def two_sided(self) -> np.ndarray:
        """Twice the smaller tail."""
        return np.clip(2 * np.minimum(self.lower, self.upper), _LEAST_P, 1)

    def in_direction(self, sign: np.ndarray) -> np.ndarray:
        """Return the upper tail where `sign` is positive, else the lower."""
        return np.clip(np.where(sign > 0, self.upper, self.lower), _LEAST_P, 1)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the tests of all pairs give, each (n_features, n_modules)."""

    scores: np.ndarray
    pvals: np.ndarray
    pvals_adj: np.ndarray


def evidence(
    model: FittedModel,
    inputs: Matrix,
    values: Matrix,
    columns: np.ndarray,
    held_out: np.ndarray,
    rng: np.random.Generator,
) -> Evidence:
    """Test each feature against each module's lead with the feature hidden from the network.

    Training cells choose the pairs worth a test and their direction, held-out cells test them, one-sided. If all cells
    are held out, all pairs are tested, two-sided.

    Parameters
    ----------
    model
        The fit.
    inputs
        What the network takes, (n_cells, n_inputs).
    values
        The features to test, none of them constant, (n_cells, n_features).
    columns
        For each feature the column of `inputs` that holds it, -1 for none, (n_features,).
    held_out
        Which cells the network was not trained on, (n_cells,) bool.
    rng
        Draws the blocks of features that are hidden together.
    """
    n_modules = model.modules.n_modules
    scores, pvals, proposal = (np.ones((len(columns), n_modules)) for _ in range(3))
    by_column = sparse.csc_matrix(values) if sparse.issparse(values) else values
    all_held_out = bool(held_out.all())
    for hidden, responses in _with_hidden(model, inputs, columns, rng):
        for part in np.array_split(hidden, -(-len(hidden) // _COLUMNS_AT_ONCE)):
            features = dense_rows(by_column[:, part], slice(None)).astype(np.float64)  # (n_cells, at most 512)
            unseen = Tails.of(features[held_out], responses[held_out])
            scores[part] = unseen.scores
            if all_held_out:
                pvals[part], proposal[part] = unseen.two_sided, 0
            else:
                training = Tails.of(features[~held_out], responses[~held_out])
                pvals[part], proposal[part] = unseen.in_direction(training.scores), training.two_sided
    proposed = (scipy.stats.false_discovery_control(proposal.ravel()) <= _PROPOSAL_RATE).reshape(proposal.shape)
    adjusted = np.ones_like(pvals)
    if proposed.any():
        adjusted[proposed] = scipy.stats.false_discovery_control(pvals[proposed])
    return Evidence(scores, pvals, adjusted)


def _with_hidden(
    model: FittedModel, inputs: Matrix, columns: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield features, and the modules' leads (n_cells, n_modules) from a network that does not see them.

    A hidden feature has its mean in every cell, so the lead is a function of the other features alone.
    """
    seen = np.array(dense_rows(inputs, slice(None)), dtype=np.float32)  # (n_cells, n_inputs), a copy to write to
    unused = np.flatnonzero(columns < 0)
    if len(unused):
        yield unused, model.modules.leads(model.activations(seen)).astype(np.float64)
    used = rng.permutation(np.flatnonzero(columns >= 0))
    for hidden in np.array_split(used, min(_HIDDEN_BLOCKS, len(used)) or 1):
        if not len(hidden):
            return
        inputs_hidden = columns[hidden]
        values = seen[:, inputs_hidden]
        seen[:, inputs_hidden] = model.mean[inputs_hidden]
        yield hidden, model.modules.leads(model.activations(seen)).astype(np.float64)
        seen[:, inputs_hidden] = values


def planes(values: Matrix, activations: np.ndarray) -> np.ndarray:
    """Return how high each feature is where each neuron fires, (n_features, n_neurons).

    NaN for a dead neuron, and for a feature that is constant.

    With x a feature and a the neuron's activation, negative ones taken as silence, it is sum_c a_c z_c / sum_c a_c over
    the cells c, where z is x in standard deviations from its mean over all cells.

    Parameters
    ----------
    values
        A few features, dense or CSR, (n_cells, n_features).
    activations
        Neurons, (n_cells, n_neurons).
    """
    weights = np.maximum(activations, 0).astype(np.float64)  # (n_cells, n_neurons)
    total = weights.sum(axis=0)
    z = standardised(dense_rows(values, slice(None))) * np.sqrt(len(weights))  # (n_cells, n_features)
    product = z.T @ weights  # (n_features, n_neurons)
    known = np.outer(z.any(axis=0), total > 0)
    return np.divide(product, total, out=np.full(product.shape, np.nan), where=known)


@_device.undisturbed()
def saliency(model: FittedModel, blocks: Iterable[tuple[np.ndarray, np.ndarray]], n_groups: int) -> np.ndarray:
    """Return the mean gradient of each module's activation, (n_groups, n_modules, n_inputs) float32.

    Parameters
    ----------
    model
        The fit; the gradient is per unit of the scaled input.
    blocks
        What the network takes, unscaled, (batch, n_inputs), and the group of each cell, (batch,) int, -1 for none.
    n_groups
        How many groups there are; none may be empty.
    """
    network, n_modules = model.network, model.modules.n_modules
    device = network.output.weight.device
    one_hot = torch.eye(n_groups, dtype=torch.float64, device=device)
    templates = [torch.as_tensor(_templates_of(model, module), device=device) for module in range(n_modules)]
    sums = torch.zeros((n_groups, n_modules, len(model.features)), dtype=torch.float64, device=device)
    counts = np.zeros(n_groups)
    for values, codes in blocks:
        grouped = np.flatnonzero(codes >= 0)
        counts += np.bincount(codes[grouped], minlength=n_groups)
        member = one_hot[torch.as_tensor(codes[grouped], dtype=torch.int64, device=device)]  # (batch, n_groups)
        features = Batches(values, model.mean, model.scale, device).rows(grouped).requires_grad_()  # (batch, n_inputs)
        activations = network.encode(features)  # (batch, n_neurons)
        for module, directions in enumerate(templates):
            response = (activations @ directions.T).max(dim=1).values.sum()
            (gradient,) = torch.autograd.grad(response, features, retain_graph=True)  # (batch, n_inputs)
            sums[:, module] += member.T @ gradient.double()
    return (sums.cpu().numpy() / counts[:, None, None]).astype(np.float32)


def _templates_of(model: FittedModel, module: int) -> np.ndarray:
    """Return the templates of a module, (n_templates, n_neurons)."""
    modules = model.modules
    return modules.templates[modules.pieces == module]
