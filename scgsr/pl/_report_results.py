"""What a report shows of the results of `score`, `programs` and `compare`: texts, pictures and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scgsr import _adata, _page

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

# A table has at most so many rows: of programs the strongest of each module, of states those with the smallest p.
_MOST_ROWS = 400
_DIGITS = 6


def results(adata: AnnData, key: str) -> list[dict[str, Any]]:
    """Return a section for each verb that has been run on a fit."""
    found = _adata.answered(adata, key)
    sections = {"scores": _of_score, "programs": _of_programs, "compare": _of_compare}
    return [section(adata, key) for name, section in sections.items() if name in found]


def _of_score(adata: AnnData, key: str) -> dict[str, Any]:
    """Return the verdict, the advice and the measures."""
    from scgsr import get

    scores, table = _adata.read_scores(adata, key), get.scores(adata, key=key)
    text = [f"Verdict: {scores['verdict']}", str(scores["advice"])]
    tables = [_table("Measures, each beside its null", table)]
    return _section("Score: is the structure real?", [line for line in text if line], tables)


def _of_programs(adata: AnnData, key: str) -> dict[str, Any]:
    """Return the features that rise most with each module."""
    from scgsr import get

    table = get.programs(adata, key=key)
    each = max(3, _MOST_ROWS // max(1, table["module"].nunique()))
    shown = table.groupby("module", sort=False).head(each)
    what = "All features" if len(shown) == len(table) else f"The {each} features that rise most with each module"
    text = ["effect: correlation of the feature with the module's activation. pvals_adj: false discovery rate."]
    return _section("Programs: features of the modules", text, [_table(f"{what}, by effect", shown)])


def _of_compare(adata: AnnData, key: str) -> dict[str, Any]:
    """Return how samples of conditions differ: a picture of each level, shares of modules, markers in modules."""
    from scgsr import get

    abundance, state, neurons = (get.compare(adata, what, key=key) for what in ("abundance", "state", "neurons"))
    reference = str(_adata.read_compare(adata, key)["params"]["reference"])
    against = f" against {reference}" if reference else ""
    pictures = [
        {"title": f"{level}{against}: moderated t", "what": "t", "values": [_number(t) for t in part["t"]]}
        for level, part in neurons.groupby("level", sort=False)
    ]
    shown = state.sort_values("p", kind="stable").head(_MOST_ROWS)
    what = "all" if len(shown) == len(state) else f"the {len(shown)} with the smallest p of {len(state):,}"
    tables = [_table("Shares of modules", abundance), _table(f"Markers in modules, {what}", shown)]
    text = ["Samples are compared, not cells. q: false discovery rate over the table; base claims on the tables."]
    return _section("Compare: samples of conditions", text, tables, pictures)


def _section(
    title: str, text: list[str], tables: list[dict[str, Any]], pictures: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    return {"title": title, "text": text, "tables": tables, "pictures": pictures or []}


def _table(title: str, table: pd.DataFrame) -> dict[str, Any]:
    rows = [[_number(value) for value in row] for row in table.itertuples(index=False)]
    return {"title": title, "columns": [str(column) for column in table.columns], "rows": rows}


def _number(value: Any) -> Any:
    """Return a value as JSON has it, a number with so many digits as anybody reads."""
    value = _page.plain(value)
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
