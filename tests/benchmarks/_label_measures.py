"""What is measured of labels against the known groups; cells whose group nobody knows are left out."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from _data import Dataset
from _fit import Fit
from anndata import AnnData
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, roc_auc_score

import scgsr

# The least confident cells: this share.
LEAST_CONFIDENT = 0.1
# Of so many runs of k-means the tightest makes the pieces that ours are compared with.
N_STARTS = 3


def agreement(dataset: Dataset, fit: Fit) -> dict[str, float]:
    """Return how the labels agree with the groups, by themselves and when the number of groups is asked for."""
    n_groups, k = len(dataset.groups.categories), len(np.unique(fit.labels))
    matched = fit.at_k(n_groups)
    f1 = best_f1(dataset, fit.labels)
    return {
        "ari": dataset.agreement(fit.labels),
        "nmi": _shared_information(dataset, fit.labels),
        "f1": float(f1.mean()),
        "f1_least": float(f1.min()),
        "ari_matched": dataset.agreement(matched),
        "nmi_matched": _shared_information(dataset, matched),
        "k_matched": len(np.unique(matched)),
        "k_known": n_groups,
        "k_ratio": k / n_groups,
    }


def best_f1(dataset: Dataset, labels: np.ndarray) -> pd.Series:
    """Return for each group that is large enough to be asked about the F1 score of the label that fits it best."""
    known = dataset.groups.codes >= 0
    shared = pd.crosstab(dataset.groups[known], np.asarray(labels)[known])
    sizes = shared.sum(axis=1)
    f1 = shared.mul(2).div(sizes.to_numpy()[:, None] + shared.sum(axis=0).to_numpy())
    return f1.max(axis=1)[dataset.groups.categories[dataset.asked]]


def confidence(dataset: Dataset, adata: AnnData) -> dict[str, float]:
    """Return how well the confidence of a label tells whether the label is right, that is, its majority's group.

    `confidence_auroc` is the area under the ROC curve, `confidence_low` the error rate of the least confident tenth
    over that of all other cells; NaN where no cell, or every one, is wrong.
    """
    codes = dataset.groups.codes
    known = codes >= 0
    right = _majority(codes[known], adata.obs["gsr"].to_numpy()[known]) == codes[known]
    found = adata.obs["gsr_confidence"].to_numpy()[known]
    low = found <= np.quantile(found, LEAST_CONFIDENT)
    mixed = right.any() and not right.all()
    others_fail = not right[~low].all()  # False where there are no others
    return {
        "confidence_auroc": float(roc_auc_score(right, found)) if mixed else np.nan,
        "confidence_low": float((~right[low]).mean() / (~right[~low]).mean()) if others_fail else np.nan,
    }


def pieces(dataset: Dataset, adata: AnnData) -> dict[str, float]:
    """Return how well pieces, one for each template, agree with the groups, over what as many k-means pieces do."""
    templates = scgsr.get.model(adata).modules.templates
    templates = templates[templates.any(axis=1)]
    piece = (adata.obsm["X_gsr"] @ templates.T).argmax(axis=1)
    return {"pieces": _agreement_of_majorities(dataset, piece) / _input_agreement(dataset, len(templates))}


@cache
def _input_agreement(dataset: Dataset, n_pieces: int) -> float:
    """Return how well pieces by k-means agree with the groups, on the better of the input as it is and standardised.

    Many features are principal components either way.
    """
    inputs = [dataset.features(standardised=False)]
    inputs += [dataset.features(standardised=True)] if dataset.few_features else []
    means = KMeans(n_pieces, n_init=N_STARTS, random_state=0)
    return max(_agreement_of_majorities(dataset, means.fit_predict(features)) for features in inputs)


def _agreement_of_majorities(dataset: Dataset, piece: np.ndarray) -> float:
    """Return the adjusted Rand index with the groups once each piece has got the commonest group of its cells."""
    codes = dataset.groups.codes
    known = codes >= 0
    return float(adjusted_rand_score(codes[known], _majority(codes[known], piece[known])))


def _majority(codes: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """Return for each cell the commonest group in its piece."""
    return pd.Series(codes).groupby(piece).transform(lambda inside: inside.mode().iloc[0]).to_numpy()


def _shared_information(dataset: Dataset, labels: np.ndarray) -> float:
    """Return the normalised mutual information of labels and groups."""
    codes = dataset.groups.codes
    known = codes >= 0
    return float(normalized_mutual_info_score(codes[known], np.asarray(labels)[known]))
