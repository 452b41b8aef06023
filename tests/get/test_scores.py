"""The table of what `score` has stored."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from _fits import whole_record

from scgsr import get, graphs


@pytest.fixture
def adata():
    null = {"null_mean": [0.1, np.nan], "null_sd": [0.1, np.nan]}
    table = pd.DataFrame({"metric": ["morans_i", "localisation"], "group": ["", "B"], "value": [0.5, 0.2], **null})
    record, scores = whole_record(graphs.path(2)), {"table": table, "verdict": "collapsed", "advice": ""}
    return ad.AnnData(np.zeros((2, 1)), uns={"gsr": record | {"scores": scores}})


def test_the_table_is_a_copy_of_what_is_stored(adata):
    stored = adata.uns["gsr"]["scores"]["table"].copy()
    table = get.scores(adata)
    pd.testing.assert_frame_equal(table, stored)
    table["value"] = 9
    pd.testing.assert_frame_equal(adata.uns["gsr"]["scores"]["table"], stored)


def test_without_scores_the_error_names_the_call(adata):
    del adata.uns["gsr"]["scores"]
    with pytest.raises(KeyError, match=r"there are no scores.*call `scgsr\.tl\.score\(adata, key='gsr'\)` first"):
        get.scores(adata)
    with pytest.raises(KeyError, match=r"scgsr\.tl\.fit"):
        get.scores(adata, key="other")
