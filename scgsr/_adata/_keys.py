"""`key_added` -> slot names; the only place where a slot name is spelled."""

from __future__ import annotations

from dataclasses import dataclass

from scgsr._checks import about

DEFAULT_KEY = "gsr"
ARCSINH = "arcsinh"  # in `.uns`: which features of which layer `pp.arcsinh` has transformed
CHANNEL_KIND = "channel_kind"  # in `.var`: what `io.read_fcs` has found each channel to measure
HIGHLY_VARIABLE = "highly_variable"  # in `.var`: which features Scanpy has chosen
SAMPLE, META = "sample", "meta"  # in `.obs` and `.uns`: which file of a folder a cell is from, and their keywords
LOG1P = "log1p"  # in `.uns`: Scanpy has transformed `.X`
EMBEDDING = "X_"  # in `.obsm`: how Scanpy's names for embeddings begin
COLORS = "_colors"  # in `.uns`: how Scanpy's names for the colours of a column of `.obs` end


@dataclass(frozen=True)
class Keys:
    """The slots that one fit owns in an AnnData."""

    key: str = DEFAULT_KEY

    def __post_init__(self) -> None:
        if not isinstance(self.key, str):
            msg = f"`key_added` must be a string, got {self.key!r} of type {type(self.key).__name__}."
            raise about("key_added", TypeError(msg))
        if self.key == ARCSINH:
            msg = f"`key_added` must not be {ARCSINH!r}: the record of the transform has that name."
            raise about("key_added", ValueError(msg))
        if not self.key or "/" in self.key or not self.key.isprintable() or self.key in (".", "..", "_index"):
            msg = f"`key_added` must be a name that AnnData files accept, such as 'gsr', got {self.key!r}."
            raise about("key_added", ValueError(msg))

    @property
    def activations(self) -> str:
        """In `.obsm`: activations, (n_obs, n_neurons)."""
        return f"X_{self.key}"

    @property
    def labels(self) -> str:
        """In `.obs`: the module that dominates each cell."""
        return self.key

    @property
    def confidence(self) -> str:
        """In `.obs`: how clearly that module dominates."""
        return f"{self.key}_confidence"

    @property
    def held_out(self) -> str:
        """In `.obs`: whether the network was not trained on the cell."""
        return f"{self.key}_held_out"

    @property
    def novelty(self) -> str:
        """In `.obs`: how unlike the training cells a mapped cell is."""
        return f"{self.key}_novelty"

    @property
    def fit(self) -> str:
        """In `.obs`: which fit and which modules each cell has its results from."""
        return f"{self.key}_fit"

    @property
    def consensus(self) -> str:
        """In `.obs`: the module that the fits of several seeds agree on."""
        return f"{self.key}_consensus"

    @property
    def stability(self) -> str:
        """In `.obs`: the share of these fits that agree."""
        return f"{self.key}_stability"

    @property
    def record(self) -> str:
        """In `.uns`: parameters, graphs, modules, history, model."""
        return self.key

    @property
    def colors(self) -> str:
        """In `.uns`: one hex colour per label, Scanpy's convention."""
        return colors_of(self.labels)

    @property
    def consensus_colors(self) -> str:
        """In `.uns`: one hex colour per module that the fits agree on."""
        return colors_of(self.consensus)

    @property
    def programs(self) -> str:
        """In `.varm`: features x modules."""
        return f"{self.key}_programs"


def columns_of(keys: Keys) -> tuple[str, ...]:
    """Return the columns of `.obs` that a fit owns."""
    of_fit = (keys.labels, keys.confidence, keys.held_out, keys.novelty, keys.fit)
    return (*of_fit, keys.consensus, keys.stability)


def colors_of(column: str) -> str:
    """Return where in `.uns` the colours of the groups in a column of `.obs` stand, by Scanpy's convention."""
    return f"{column}{COLORS}"
