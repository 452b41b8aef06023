"""The verb `fit`: validate, view, learn, report, store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from scgsr import _adata, _checks, _device, _random, _ranks, _values
from scgsr._adata import DEFAULT_KEY, UNSET, Keys, Unset
from scgsr._train import TrainConfig, learn
from scgsr.tl._network import THRESHOLD, as_graph, network_config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd
    import torch
    from anndata import AnnData

    from scgsr._random import Rng
    from scgsr.graphs import Atoms, LearnedGraph, NeuronGraph
    from scgsr.nn import Decay, FixedNoise


def fit(
    adata: AnnData,
    graph: NeuronGraph | LearnedGraph | tuple[int, int] | None = None,
    *,
    smoothness: float | Decay = 0.1,
    start: str | None = None,
    anneal: float = 10.0,
    balance: float | None = None,
    scale: str | bool | None = None,
    layer: str | None = None,
    use_rep: str | None = None,
    mask_var: np.ndarray | pd.Series | Sequence[str] | str | Unset | None = UNSET,
    batch_key: str | None = None,
    hidden: int | Sequence[int] = (256,),
    threshold: float | None = THRESHOLD,
    noise: float | FixedNoise = 0.25,
    diffusion: int = 0,
    atoms: Atoms | None = None,
    penalty: str | Mapping[str, float] = "correlation",
    laplacian: str = "combinatorial",
    resolution: float = 1.0,
    n_epochs: int | None = None,
    batch_size: int = 256,
    learning_rate: float | Decay = 5e-3,
    validation_fraction: float = 0.1,
    early_stopping: bool = True,
    rng: Rng = 0,
    device: str | torch.device | None = None,
    precision: str | None = None,
    step: str = "plain",
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | None:
    """Train an autoencoder whose embedding neurons live on a graph, and label cells by the neurons they light.

    The graph connects neurons, not cells. A penalty makes neighbouring neurons fire together, so each cell's
    activations, drawn on the graph, are a picture; populations light different regions of it. Neurons that stand
    for the same population form a module, and each cell is labelled by the module whose picture it matches best.

    Started as ``torchrun --nproc_per_node 4 script.py``, a script that calls `fit` trains in four processes as in one,
    each with its share of every batch and its own GPU, if any. All get the results: let one of them write the files.

    Parameters
    ----------
    adata
        Cells x features. Cytometry: transformed intensities; scRNA-seq: normalised, log-transformed expression.
        Dense or sparse, in memory or on disk (backed, zarr, dask); it is not changed beyond the slots below.
    graph
        A graph of :mod:`scgsr.graphs`, a recipe from :func:`scgsr.graphs.learned`, or ``(height, width)`` of a grid.
        None: the sheet ``(10, 10)``.
    smoothness
        Weight of the penalty against the reconstruction error; with the defaults both have no unit. A
        :class:`scgsr.nn.Decay` lets it fall with the steps. 0 trains the same network without a penalty.
    start
        Where the neurons start. ``"ordered"``: on a given graph, as a self-organising map of some cells, so that
        neighbours respond to similar cells from the beginning. ``"random"``: from random weights. None: ``"ordered"``
        where a penalty looks at a given graph, else ``"random"``; so at `smoothness` 0 the graph plays no part.
    anneal
        How many times stronger than `smoothness` the penalty is at the first step. It comes down to `smoothness` by
        half of the training. 1: not at all.
    balance
        How strongly training prefers rare kinds of cells: it sees a cell in proportion to the distance to its
        neighbours to this power, but single cells far from others, such as debris, like common ones. 0: every cell
        alike. None: 5, or 2 where the network sees principal components or `use_rep`.
    scale
        How features are weighted, once centred. ``"feature"`` (or True): each is divided by its own standard deviation,
        so all have the same say. ``"common"`` (or False): all are divided by one number, so those that vary more say
        more. ``"pca"``: as ``"common"``, and the network sees and gives 50 principal components of the training cells;
        reconstruction and programs are still of features. None: ``"pca"`` for more than 100 features, else
        ``"common"``, but ``"feature"`` if one standard deviation is more than ten times the median, as where units
        differ. The log says which.
    layer
        Layer to train on instead of `.X`.
    use_rep
        Key of `.obsm` to train on instead, for example ``"X_pca"``; centred and divided by one common scale.
    mask_var
        Features to use: names, such as ``["CD3", "CD4"]``, booleans (a Series is read by its index), or a boolean
        column of `.var`. Unset: ``"highly_variable"`` where it exists. None: all.
    batch_key
        Column of `.obs` with the batch of each cell (run, plate, protocol). The decoder alone is told it, so what a
        batch does to the values need not be in the pictures; what a batch has more of stays. Neither pictures nor
        labels of new cells need a batch. Batches are mixed in part, as :func:`scgsr.tl.score` measures: where they
        differ strongly, correct the values first (``harmonypy``, ``cyCombine``), which can take away populations that
        one batch has alone, and fit to the result.
    hidden
        Widths of the hidden layers of the encoder; the decoder mirrors them.
    threshold
        How many standard deviations above its mean a neuron must be to fire; less in a cell where none is. Higher:
        fewer neurons per cell, sharper regions, less detail. None: linear neurons without normalisation.
    noise
        Standard deviation of the noise that the decoder must bear, in units of each neuron's standard deviation; in
        those of the activations as :class:`scgsr.nn.FixedNoise`.
    diffusion
        Steps by which each neuron's activation spreads to its neighbours inside the layer; smoothness then comes
        partly from the architecture.
    atoms
        A recipe of :class:`scgsr.graphs.Atoms` makes the layer a :class:`scgsr.nn.SpectralBottleneck`: activations are
        convex combinations of atoms on a given graph, also at smoothness 0. `threshold` and `diffusion` then have no
        meaning.
    penalty
        One of ``"correlation"``, ``"quadratic"``, ``"rayleigh"``, ``"spectrum"`` on the activations and ``"weight"``,
        ``"weight_cosine"`` on the weights into the layer, see :class:`scgsr.nn.GraphSpectralPenalty`; or, without
        regard to the graph, ``"l1"``: the mean over cells of sum_i abs(x_i), ``"l2"``: that of sum_i x_i^2,
        ``"batch_mean"``: sum_i of the squared mean of x_i over the batch. Several as ``{name: factor}``, where each
        weighs `smoothness` times its factor. The network is the same with any of them.
    laplacian
        ``"combinatorial"`` or ``"symmetric"``; on an irregular graph the symmetric one penalises a constant image.
    resolution
        Higher gives more modules. Two modules stay apart if the cells between them are at most 0.5 times `resolution`
        as dense as on the sparser side.
    n_epochs
        Passes over the training cells; of more than 50,000, over rounds of so many, all of which come in turn.
        None: as many as give 1,200 steps, at least 6 passes, at most 200 epochs and, of many cells, 4,800 steps.
    batch_size
        Cells per step, in all processes together.
    learning_rate
        Peak of the one-cycle schedule of Adam; a :class:`scgsr.nn.Decay` is taken as it is.
    validation_fraction
        Share of the cells that is held out to measure the reconstruction and to stop early; because it also chooses
        the epoch, its R2 is slightly optimistic. R2 is the share of the variance of the input values, before any
        scaling, that is reconstructed. :func:`scgsr.tl.programs` takes its p-values from these cells.
    early_stopping
        Stop when the objective on the held-out cells no longer improves, and keep the best network.
    rng
        Seed: the same seed, data, machine and number of threads and processes give the same bits.
    device
        For example ``"cpu"`` or ``"cuda:1"``. None: CUDA, else MPS, else CPU.
    precision
        None multiplies in float32. ``"bf16"`` trains the dense layers in bfloat16, with float32 weights: faster for
        wide layers on processors that have it. ``"tf32"`` lets a CUDA device round the products to TF32. Results are
        not those of float32; activations are always computed in float32.
    step
        How steps of training are carried out. ``"plain"``: operation by operation. ``"compiled"``: by `torch.compile`,
        which takes a minute at first, and a C++ compiler on a CPU. ``"captured"``: on a CUDA device a step is recorded
        once and replayed as a whole, which spares the time to start its many small operations. Results agree up to
        rounding. Where compiling or recording fails, a warning says why, and steps are plain. Several processes
        together take plain steps alone.
    checkpoint
        Folder to which the state is written after each epoch. A fit that was killed, called again with the same
        arguments and cells, goes on after the last whole epoch and comes to the same bits (on the same machine, with
        as many threads). It may go on with another `device` or `step`, then not to the same bits, as a warning says.
    progress
        Show a progress bar. None: only in a terminal.
    key_added
        Name of the results.
    copy
        Return a copy with the results instead of writing to `adata`.

    Returns
    -------
    None, or the copy. The results, for ``key_added="gsr"``:

    `.obsm["X_gsr"]` : float32 ndarray (n_obs, n_neurons)
        Activations; column j is node j of the neuron graph.
    `.obs["gsr"]` : categorical (n_obs,)
        The module that dominates each cell; ``"0"`` wins most cells.
    `.obs["gsr_confidence"]` : float32 (n_obs,)
        Cosine to the mean picture of the label's cells; 0 where no neuron fires, or there is one module alone.
    `.obs["gsr_held_out"]` : bool (n_obs,)
        Which cells neither the network nor the modules were made from.
    `.uns["gsr"]` : dict
        ``params``, ``graph``, ``coactivation``, ``evolution``, ``modules``, ``history``, ``model``, ``features``,
        ``versions``.
    `.uns["gsr_colors"]` : hex colours of the labels.

    Raises
    ------
    KeyError
        If `layer`, `use_rep`, `mask_var` or `batch_key` names nothing that exists.
    TypeError
        If an argument has the wrong type.
    ValueError
        If an argument is out of range or has no meaning beside another, if `checkpoint` holds the state of another
        run, if the values are empty, not finite, constant or of a single cell, or if `key_added` names slots that no
        fit has written. The AnnData is then as before.
    MemoryError
        If activations do not fit into memory, or a step not into that of the device; the message names a `batch_size`
        to try.

    References
    ----------
    Tong et al., *Interpretable Neuron Structuring with Graph Spectral Regularization*, IDA 2020,
    https://doi.org/10.1007/978-3-030-44584-3_40

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (8, 8), n_epochs=5)
    >>> adata.obsm["X_gsr"].shape
    (700, 64)
    """
    keys, neurons, seed, device = Keys(key_added), as_graph(graph), _random.seed_from(rng), _device.choose(device)
    how: dict[str, Any] = {"device": device, "step": _device.check_step(step, device), "checkpoint": checkpoint}
    training = TrainConfig(
        smoothness=smoothness,
        start=start,
        anneal=anneal,
        balance=balance,
        penalty=penalty,
        laplacian=laplacian,
        n_epochs=n_epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        validation_fraction=validation_fraction,
        early_stopping=early_stopping,
        precision=_device.check_precision(precision, device),
    ).on(neurons)
    with _ranks.joined(device):
        _check(adata, keys, neurons.n_neurons, resolution=resolution, scale=scale, progress=progress, copy=copy)
        source = {"layer": layer, "use_rep": use_rep, "batch_key": batch_key}
        view = _adata.view(adata, **source, mask_var=mask_var, scale=scale)
        learned = learn(
            view,
            neurons,
            network_config(neurons, view, hidden, threshold, noise, diffusion, atoms),
            training.weighing(components=use_rep is not None or view.scaling == "pca"),
            resolution=resolution,
            seed=_ranks.on_first(lambda: seed),
            source={**source, "scale": view.scaling},
            progress=progress,
            **how,
        )
        learned.report()
    target = adata.copy() if copy else adata
    _adata.write(target, keys, learned.fitted, learned.activations, learned.labels, held_out=learned.held_out)
    return target if copy else None


def _check(
    adata: AnnData, keys: Keys, n_neurons: int, *, resolution: float, scale: object, progress: bool | None, copy: bool
) -> None:
    """Refuse, before any work, what is of the wrong type or too large, and a name that belongs to something else."""
    from anndata import AnnData

    _checks.number("resolution", resolution, minimum=0, exclusive=True)
    _checks.instance("adata", adata, AnnData)
    _values.check_scale(scale)
    _checks.instance("progress", progress, (bool, type(None)))
    _adata.check_copy(adata, copy)
    _adata.check_free(adata, keys)
    _adata.check_room(adata, n_neurons)
