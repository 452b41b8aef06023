"""FCS files as the standard lays them out, byte by byte, and cells to write."""

from __future__ import annotations

from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr.io import read_fcs

BYTE_ORDERS = {"<": "1,2,3,4", ">": "4,3,2,1"}
CHANNELS, MARKERS = ["Time", "FSC-A", "Nd142Di"], ["", " ", "CD19"]


def _fcs_bytes(
    values,
    *,
    dtype="<f4",
    channels=CHANNELS,
    markers=MARKERS,
    offsets_in_text=True,
    data_start=1024,
    version="3.1",
    delimiter="|",
    vendor=(),
    vendor_first=False,
    **keywords,
) -> bytes:
    """Write an FCS file as the standard lays it out.

    `keywords` replace or, where None, remove standard ones; `vendor` are pairs with which TEXT ends, or begins.
    """
    kind = {"f4": "F", "f8": "D"}.get(dtype[1:], "I")
    data = (values if np.asarray(values).dtype.names else np.asarray(values).astype(dtype)).tobytes()
    text_start, data_stop = 58, data_start + len(data) - 1 + keywords.pop("extra_bytes", 0)
    in_text = {"$BEGINDATA": data_start, "$ENDDATA": data_stop} if offsets_in_text else {}
    words = in_text | {
        "$BYTEORD": BYTE_ORDERS[dtype[0]], "$DATATYPE": kind, "$MODE": "L",
        "$NEXTDATA": "0", "$PAR": len(channels), "$TOT": len(values),
    }  # fmt: skip
    for n, (channel, marker) in enumerate(zip(channels, markers, strict=True), start=1):
        words |= {f"$P{n}N": channel, f"$P{n}B": 8 * np.dtype(dtype).itemsize, f"$P{n}E": "0,0", f"$P{n}R": 262144}
        words |= {f"$P{n}S": marker} if marker else {}
    words |= {f"${key.upper()}" if key.isidentifier() else key: value for key, value in keywords.items()}
    pairs = [(key, value) for key, value in words.items() if value is not None]
    pairs = [*vendor, *pairs] if vendor_first else [*pairs, *vendor]
    escaped = [(key, str(value).replace(delimiter, 2 * delimiter)) for key, value in pairs]
    text = delimiter + "".join(f"{key}{delimiter}{value}{delimiter}" for key, value in escaped)
    offsets = [text_start, text_start + len(text.encode()) - 1, data_start, data_stop, 0, 0]
    header = f"FCS{version}    ".encode() + "".join(f"{offset:>8}" for offset in offsets).encode()
    padding = b" " * (data_start - len(header) - len(text.encode()))
    return header + text.encode() + padding + data + b"\0" * (data_stop - data_start + 1 - len(data))


@pytest.fixture(scope="session")
def fcs_bytes() -> Callable[..., bytes]:
    """The function that lays a file out: float32 values of three channels unless told otherwise."""
    return _fcs_bytes


@pytest.fixture
def read(tmp_path):
    """Return a reader of bytes."""

    def reader(content: bytes) -> ad.AnnData:
        path = tmp_path / "file.fcs"
        path.write_bytes(content)
        return read_fcs(path)

    return reader


@pytest.fixture
def folder(tmp_path, fcs_bytes):
    """Three samples, whose natural order is not that of their characters; the second has another order of channels."""
    values = np.arange(21).reshape(7, 3) * 1.5
    samples = tmp_path / "samples"
    samples.mkdir()
    (samples / "s1.fcs").write_bytes(fcs_bytes(values))
    turned = fcs_bytes(values[:2, ::-1] + 1, channels=CHANNELS[::-1], markers=MARKERS[::-1], p1g="3.0")
    (samples / "s2.FCS").write_bytes(turned)
    (samples / "s10.fcs").write_bytes(fcs_bytes(values[:4] + 2, dtype=">f8"))
    for not_read in ["._s1.fcs", ".hidden.fcs", "notes.txt"]:
        (samples / not_read).write_bytes(b"not read")
    (samples / "a_folder.fcs").mkdir()
    return samples


@pytest.fixture
def plain() -> ad.AnnData:
    """30 cells x 3 features without a fit, with negative and large values."""
    values = np.random.default_rng(1).normal(scale=1e5, size=(30, 3)).astype(np.float32)
    return ad.AnnData(values, var=pd.DataFrame(index=["CD3", "HLA/DR", "LIVE/DEAD|x"]))
