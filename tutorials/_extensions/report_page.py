"""The page that `scgsr.pl.report` writes, made for the site: 700 blood cells that come with Scanpy."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    import scanpy as sc

    import scgsr

    adata = sc.datasets.pbmc68k_reduced()
    scgsr.tl.fit(adata, progress=False)
    scgsr.tl.score(adata, groupby="bulk_labels")
    title = "700 blood cells (pbmc68k_reduced)"
    scgsr.pl.report(adata, Path(app.outdir) / "report.html", basis="umap", groupby="bulk_labels", title=title)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the page when all others are written."""
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
