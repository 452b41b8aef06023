"""Keywords of the file that was read -> those of the file that is written, as far as they still hold."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _adata
from scgsr._checks import listed, log
from scgsr.io._encode import STANDARD, tidy
from scgsr.io._panel import clean
from scgsr.io._samples import MEANING
from scgsr.io._scale import decades, gain

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

# These keywords describe the layout of the file that was read and not the sample: parameters, offsets, matrices, gates.
_STRUCTURAL = re.compile(
    r"p\d+\w*|g\d+\w*|(begin|end)(analysis|data|stext)|byteord|datatype|mode|nextdata|par|tot|tr|fil|unicode|gate|gating"
    r"|spill|spillover|comp|dfc\d+to\d+|csmode|csvbits|csv\d+flag|compensated|\w+_label_\d+|r\d+[iw]|pkn?\d+"
    r"|unstained(centers|info)"
)
# These hold for the file that was read alone: who has changed it since, what it is called, what it counts.
_OF_THE_FILE = re.compile(r"originality|last_modified|last_modifier|cells|(original ?)?file ?name")
_IDENTITIES = ("guid", "uuid", "checksum")  # anywhere in a keyword
_CHECKSUM = re.compile(r"(crc|md5|sha|digest)\d*")  # a word of a keyword
_COUNTS = ("abrt", "lost", "vol")  # of as many events as were read
_TIME, _TIME_STEP = "time", "timestep"
_TO_COMPENSATE = "apply compensation"  # by the program that opens the file
_NOTHING_KNOWN = (None, 0.0)


def carried(adata: AnnData, layer: str | None, channels: Sequence[str]) -> dict[str, str]:
    """Return the keywords for a file whose first parameters are the features, and all have the names `channels`."""
    meta = adata.uns.get("meta")
    if not isinstance(meta, Mapping):
        return {}
    record = _adata.read_arcsinh(adata, layer)
    transformed = np.zeros(adata.n_vars, bool) if record is None else record.notna().to_numpy()
    features = channels[: adata.n_vars]
    as_read = [channel for channel, changed in zip(features, transformed, strict=True) if not changed]
    spillover = _spillover(adata, layer, meta, channels)
    passed = set() if _TIME in {channel.lower() for channel in as_read} else {_TIME_STEP}
    passed |= set() if str(meta.get("tot")).strip() == str(adata.n_obs) else {*_COUNTS}
    passed |= set() if spillover else {_TO_COMPENSATE}
    return {
        **_of_sample(meta, passed),
        **_meanings(meta, as_read),
        **_gains(adata, meta, transformed),
        **spillover,
    }


def _of_sample(meta: Mapping[Any, Any], passed: set[str]) -> dict[str, str]:
    """Return the keywords that describe the sample, less those that are `passed` over."""
    return {
        f"${name.upper()}" if STANDARD.fullmatch(name) else name.upper(): tidy(value)
        for name, value in meta.items()
        if isinstance(name, str) and isinstance(value, str) and tidy(value) and tidy(name) == name
        if not MEANING.fullmatch(name.lower()) and not _is_of_file(name.lower()) and name.lower() not in passed
    }


def _is_of_file(name: str) -> bool:
    """Return whether a keyword describes the file that was read and not the sample."""
    if _STRUCTURAL.fullmatch(name) or _OF_THE_FILE.fullmatch(name):
        return True
    return any(part in name for part in _IDENTITIES) or any(
        _CHECKSUM.fullmatch(word) for word in re.split(r"[\W_]+", name)
    )


def _meanings(meta: Mapping[Any, Any], channels: Sequence[str]) -> dict[str, str]:
    """Return the keywords that tell what the numbers of samples mean, for columns that are still as they were read."""
    columns = {channel.lower() for channel in channels}
    texts = {name: tidy(value) for name, value in meta.items() if isinstance(name, str) and isinstance(value, str)}
    return {
        name.upper(): text or "_"
        for name, text in texts.items()
        if (match := MEANING.fullmatch(name.lower())) and match[1] in columns
    }


def _gains(adata: AnnData, meta: Mapping[Any, Any], transformed: NDArray[np.bool_]) -> dict[str, str]:
    """Return $PnG of the features whose values are as they were read, and log of which others something is lost."""
    files = [_scales(keywords) for keywords in (meta, *meta.values()) if isinstance(keywords, Mapping)]
    files = [scales for scales in files if scales]  # The dict of a folder has files, but no channels of its own.
    if not files:
        return {}
    kept: dict[str, str] = {}
    lost, amplified = [], []
    channels = [clean(str(name)) for name in adata.var.get("channel", adata.var_names)]
    for n, (channel, changed) in enumerate(zip(channels, transformed, strict=True), start=1):
        scales = set().union(*(file.get(channel, {_NOTHING_KNOWN}) for file in files))
        gains = {gain_of_file for gain_of_file, _ in scales}
        if any(span > 0 for _, span in scales):
            amplified.append(channel)
        elif len(gains) == 1 and not changed:
            kept |= {f"$P{n}G": str(value) for value in gains if value is not None}
        elif gains - {None, 1.0}:
            lost.append(channel)
    _warn_of_lost_scales(amplified, lost)
    return kept


def _warn_of_lost_scales(amplified: list[str], lost_gains: list[str]) -> None:
    if amplified:
        log.warning(
            "%s were read from log-amplified channels, which a file of floats cannot say ($PnE): programs will take "
            "the values for linear.",
            listed(amplified),
        )
    if lost_gains:
        log.warning(
            "the gain ($PnG) of %s is not written, because values are transformed or files differ: programs will show "
            "the values as they are.",
            listed(lost_gains),
        )


def _scales(keywords: Mapping[Any, Any]) -> dict[str, set[tuple[float | None, float]]]:
    """Return gain and decades by $PnN, several where channels of one name differ."""
    scales: dict[str, set[tuple[float | None, float]]] = defaultdict(set)
    for name, value in keywords.items():
        if isinstance(value, str) and (match := re.fullmatch("p([0-9]+)n", str(name))):
            n = int(match[1])
            scales[clean(value)].add((gain(keywords, n), decades(keywords, n)))
    return dict(scales)


def _spillover(adata: AnnData, layer: str | None, meta: Mapping[Any, Any], channels: Sequence[str]) -> dict[str, str]:
    """Return the matrix while it applies."""
    spill = meta.get("spill")
    if not isinstance(spill, pd.DataFrame):
        return {}
    if (
        meta.get("compensated")
        or _adata.read_arcsinh(adata, layer) is not None
        or not set(spill.index) <= set(channels)
    ):
        log.info("the spillover matrix is not written: it does not apply to these values")
        return {}
    numbers = spill.to_numpy(dtype=float).ravel().tolist()
    return {"$SPILLOVER": ",".join(map(str, [len(spill), *spill.index, *numbers]))}
