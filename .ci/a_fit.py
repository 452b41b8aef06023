"""Write cells with all that the verbs of scgsr leave in an AnnData to the .h5ad that is named."""

from __future__ import annotations

import sys

import numpy as np

import scgsr

adata = scgsr.datasets.cytof_panel(400)
adata.obs["sample"] = [f"sample {i % 8}" for i in range(400)]
adata.obs["condition"] = np.where(np.arange(400) % 8 < 4, "treated", "control")
scgsr.tl.fit(adata, (5, 5), n_epochs=3, batch_key="condition")
scgsr.tl.programs(adata)
scgsr.tl.saliency(adata)
scgsr.tl.score(adata, n_permutations=19, batch_key="condition")
scgsr.tl.compare(adata, "condition", "sample")
scgsr.tl.consensus(adata, n_fits=3)
scgsr.tl.transform(adata, scgsr.get.model(adata), key_added="again")
adata.write_h5ad(sys.argv[1])
