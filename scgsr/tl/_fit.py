"""The verb `fit`: validate, view, learn, report, store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from scgsr import _adata, _checks, _device, _random, _ranks, _values
from scgsr._adata import DEFAULT_KEY, UNSET, Keys, Unset
from scgsr._checks import log, verb
from scgsr._train import TrainConfig, learn
from scgsr.tl._network import THRESHOLD, as_graph, network_config
from scgsr.tl._origin import about_origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd
    import torch
    from anndata import AnnData

    from scgsr._random import Rng
    from scgsr._train import Learned
    from scgsr.graphs import Atoms, LearnedGraph, NeuronGraph
    from scgsr.nn import Decay, FixedNoise


@verb
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
    step: str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    key_added: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | None:
    """Train an autoencoder whose embedding neurons are the nodes of a graph, and label the cells.

    The graph connects neurons, not cells. A penalty makes neighbouring neurons active in the same cells, so each cell's
    activations, drawn on the graph, are a picture, and different populations activate different regions. Neurons that
    stand for the same population form a module. The label of a cell is the module whose picture it matches best.

    A script that calls `fit` can run in several processes: ``torchrun --nproc_per_node 4 script.py``. Each process
    takes a share of every batch and its own GPU, if any. All processes get the results; let one of them write files.

    Parameters
    ----------
    adata
        Cells x features. Cytometry: transformed intensities; scRNA-seq: normalised, log-transformed expression. Dense
        or sparse, in memory or on disk (backed, zarr, dask). Only the slots below are written.
    graph
        A graph of :mod:`scgsr.graphs`, a recipe from :func:`scgsr.graphs.learned`, or ``(height, width)`` of a grid.
        None: the sheet ``(10, 10)``.
    smoothness
        Weight of the penalty against the reconstruction error. Higher: neighbours more alike, less detail. 0: no
        penalty. A :class:`scgsr.nn.Decay` lowers it with the steps.
    start
        Weights before training. ``"ordered"``: a self-organising map of some cells on a given graph, so that neighbours
        respond to similar cells from the first step. ``"random"``: random weights. None: ``"ordered"`` for a given
        graph and a penalty that uses it, else ``"random"``; so the graph has no effect at `smoothness` 0.
    anneal
        How many times stronger than `smoothness` the penalty is at the first step. It falls to `smoothness` by half of
        the training. 1: it is constant.
    balance
        How strongly training prefers rare kinds of cells. A cell is drawn in proportion to its distance to its
        neighbours, raised to this power; single cells far from all others, such as debris, count like common ones. 0:
        every cell alike. None: 5, or 2 where the network sees principal components or `use_rep`.
    scale
        How features are weighted after centring. ``"feature"`` (or True): each is divided by its own standard
        deviation, so all weigh the same. ``"common"`` (or False): all are divided by one number, so those that vary
        more weigh more. ``"pca"``: as ``"common"``, and the network reads and returns 50 principal components of the
        training cells; reconstruction and programs are still of features. None: ``"pca"`` for more than 100 features,
        else ``"common"``, but ``"feature"`` if one standard deviation is more than ten times the median, for example
        where units differ. The log says which.
    layer
        Layer to train on. None: `.X`.
    use_rep
        Key of `.obsm` to train on instead, for example ``"X_scVI"``; centred and divided by one common scale.
    mask_var
        Features to use: names, such as ``["CD3", "CD4"]``, booleans (a Series is read by its index), or a boolean
        column of `.var`. Unset: ``"highly_variable"`` where it exists; else all but what
        :func:`scgsr.io.read_fcs` has recognised as technical (``.var["channel_kind"]``). None: all.
    batch_key
        Column of `.obs` with the batch of each cell (run, plate, protocol). Only the decoder is told the batch, so the
        pictures need not carry batch effects; a population that only one batch has stays apart. New cells need no
        batch. Batches are mixed in part, which :func:`scgsr.tl.score` measures. Where they differ strongly, correct the
        values first (``harmonypy``, ``cyCombine``) and fit the result; correction can remove populations that only one
        batch has. A warning names modules that are almost entirely of one batch; without `batch_key`, of one file of a
        folder.
    hidden
        Widths of the hidden layers of the encoder; the decoder mirrors them.
    threshold
        How many standard deviations above its mean a neuron must be to be active; less in a cell in which no neuron is.
        Higher: fewer active neurons per cell, sharper regions, less detail. None: linear neurons without normalisation.
    noise
        Standard deviation of the noise added before the decoder, in units of each neuron's standard deviation. A
        :class:`scgsr.nn.FixedNoise` is in units of the activations.
    diffusion
        Number of steps by which activation spreads to neighbours inside the layer. Part of the smoothness then comes
        from the architecture.
    atoms
        A :class:`scgsr.graphs.Atoms` makes the layer a :class:`scgsr.nn.SpectralBottleneck`: activations are convex
        combinations of atoms on a given graph, also at smoothness 0. Do not give `threshold` or `diffusion` with it.
    penalty
        One of ``"correlation"``, ``"quadratic"``, ``"rayleigh"``, ``"spectrum"`` on the activations and ``"weight"``,
        ``"weight_cosine"`` on the weights into the layer, see :class:`scgsr.nn.GraphSpectralPenalty`; or, without
        regard to the graph, ``"l1"``: the mean over cells of sum_i abs(x_i), ``"l2"``: that of sum_i x_i^2,
        ``"batch_mean"``: sum_i of the squared mean of x_i over the batch. Several as ``{name: factor}``: each weighs
        `smoothness` times its factor. The penalty never changes the network.
    laplacian
        ``"combinatorial"`` or ``"symmetric"``; on an irregular graph the symmetric one penalises a constant image.
    resolution
        Higher gives more modules. Two modules stay apart if the density of cells between them is at most 0.5 times
        `resolution` of that on the sparser side.
    n_epochs
        Passes over the training cells. With more than 50,000, each epoch takes 50,000 of them, until all were used.
        None: as many as give 1,200 steps; at least 6 passes, at most 200 epochs and, for many cells, 4,800 steps.
    batch_size
        Cells per step, in all processes together.
    learning_rate
        Peak of Adam's one-cycle schedule. A :class:`scgsr.nn.Decay` replaces the schedule.
    validation_fraction
        Share of the cells that is held out to measure R2 and to stop early. R2 is the share of the variance of the
        input values, before any scaling, that is reconstructed; it is slightly optimistic, because the same cells
        choose the epoch. :func:`scgsr.tl.programs` takes its p-values from these cells.
    early_stopping
        Stop when the objective on the held-out cells no longer improves, and keep the best network.
    rng
        Seed. The same seed, data, machine and number of processes give a bit-identical result, with one thread as with
        two; of more threads, take as many again.
    device
        For example ``"cpu"`` or ``"cuda:1"``. None: CUDA, else MPS, else CPU.
    precision
        None: float32. ``"bf16"`` trains the dense layers in bfloat16 with float32 weights: faster for thousands of
        features on processors that have the format. ``"tf32"`` lets a CUDA device round products to TF32. Both change
        the results a little; activations are always computed in float32.
    step
        How steps of training are carried out. ``"plain"``: operation by operation. ``"captured"``, for CUDA devices: a
        step is recorded once and replayed as a whole, which spares the start of its many small operations; results
        agree up to rounding, and where recording fails, a warning says why, and steps are plain. None: captured on a
        CUDA device, unless several processes fit together, which can only take plain steps.
    checkpoint
        Folder to which the state is written after each epoch. The same call with the same cells resumes an interrupted
        fit after the last complete epoch and gives a bit-identical result on the same machine (see `rng`).
        With another `device` or `step` it resumes as well, and a warning says that the result is not bit-identical.
    progress
        Show a progress bar. None: only in a terminal.
    key_added
        Name of the results; the slots below follow it.
    copy
        Return a copy with the results instead of writing to `adata`.

    Returns
    -------
    None, or the copy. The results, for ``key_added="gsr"``:

    `.obsm["X_gsr"]` : float32 ndarray (n_obs, n_neurons)
        Activations; column j is node j of the neuron graph.
    `.obs["gsr"]` : categorical (n_obs,)
        Label of each cell: its module. ``"0"`` has most cells.
    `.obs["gsr_confidence"]` : float32 (n_obs,)
        Cosine between the cell's picture and the mean picture of its label; 0 where no neuron is active or there is
        only one module.
    `.obs["gsr_held_out"]` : bool (n_obs,)
        Cells that were used neither for the network nor for the modules.
    `.uns["gsr"]` : dict
        ``params``, ``graph``, ``coactivation``, ``evolution``, ``modules``, ``history``, ``model``, ``features``,
        ``versions``.
    `.uns["gsr_colors"]` : hex colours of the labels.

    Raises
    ------
    KeyError
        If `layer`, `use_rep`, `mask_var` or `batch_key` does not exist.
    TypeError
        If an argument has the wrong type.
    ValueError
        If an argument is out of range or contradicts another, if `checkpoint` holds the state of another run, if the
        values are empty, not finite, constant or of a single cell, or if `key_added` names slots that no fit has
        written. The AnnData is then as before.
    MemoryError
        If the activations do not fit into memory, or a step not into that of the device; the message names a
        `batch_size` to try.

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
        return _written(adata, keys, learned, batch_key, copy=copy)


def _written(adata: AnnData, keys: Keys, learned: Learned, batch_key: str | None, *, copy: bool) -> AnnData | None:
    """Write what was learned to the cells, or to the copy that is returned; warn where batches split the modules."""
    target = adata.copy() if copy else adata
    _adata.write(target, keys, learned.fitted, learned.activations, learned.labels, held_out=learned.held_out)
    if sentence := about_origin(target, keys.key, batch_key, learned.fitted.params):
        log.warning("%s", sentence)
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
