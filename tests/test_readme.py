"""What the README must be: short, one sentence a line, and true, as far as a test can run it."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData

import scgsr

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
IMPORTS = "import scanpy as sc, scgsr"
N_CELLS = 300


def blocks(language):
    """Return the fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)


def section(heading):
    """Return what stands under a heading."""
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, flags=re.DOTALL | re.MULTILINE)[1]


def rows(text):
    """Return the rows of a table, without its head."""
    return [line for line in text.splitlines() if line.startswith("|")][2:]


def prose(text):
    """Yield the lines that are sentences: no headings, blocks, tables, pictures or comments."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    for line in outside.splitlines():
        if line and not line.startswith(("#", "|", "!", "<!--")):
            yield re.sub(r"`[^`]*`", "`code`", line)


def sentence_faults(text):
    """Return the lines that hold more than one sentence, or end in the middle of one."""
    return [line for line in prose(text) if re.search(r"[.!?][*)]*\s", line) or not re.search(r"[.:][*]*$", line)]


def calls():
    """Return each call of `scgsr` in the code of running text and tables, by its source."""
    outside = re.sub(r"^```.*?^```$", "", TEXT, flags=re.DOTALL | re.MULTILINE)
    rooms = "|".join(scgsr.__all__)
    spans = re.findall(r"`([^`]+)`", outside)
    return [span for span in spans if re.match(rf"(\w+ = )?(scgsr\.)?({rooms})\.\w+\(", span)]


class TestSize:
    def test_is_read_in_a_few_minutes(self):
        assert len(TEXT.splitlines()) <= 110
        assert len(TEXT.split()) <= 900

    def test_has_one_sentence_a_line(self):
        assert sentence_faults(TEXT) == []

    @pytest.mark.parametrize("fault", ["It fits. It draws.", "**It fits.** It draws.", "It fits, and"])
    def test_sees_two_sentences_and_half_of_one(self, fault):
        assert sentence_faults(f"It trains.\n{fault}\n") == [fault]

    def test_has_the_rows_that_were_promised(self):
        assert len(rows(section("Which graph"))) == 3
        assert len(rows(section("What to ask next"))) == 8
        assert len(re.findall("^- ", section("Three knobs"), flags=re.MULTILINE)) == 3


class TestCommands:
    def test_the_main_job_and_the_tests_are_whole(self):
        environment = "python3 -m venv .venv && .venv/bin/pip install "
        assert blocks("bash") == [
            f"{environment}. && .venv/bin/scgsr demo\n",
            f'{environment}-e ".[test]" && .venv/bin/pytest\n',
        ]
        assert f"<!-- test command -->\n```bash\n{blocks('bash')[1]}```" in TEXT  # where .ci/run looks for it


class TestTruth:
    def test_links_lead_somewhere(self):
        targets = re.findall(r"\]\((?!https:)([^)#]+)", TEXT)
        assert len(targets) > 8
        assert [target for target in targets if not (ROOT / target).exists()] == []

    @pytest.mark.parametrize("source", calls())
    def test_calls_fit_the_signatures(self, source):
        call = ast.parse(source).body[0].value
        function = eval(ast.unparse(call.func).removeprefix("scgsr."), {**vars(scgsr), "scgsr": scgsr})
        given = {argument.arg: argument.value for argument in call.keywords}
        inspect.signature(function).bind(*call.args, **given)

    def test_calls_are_found(self):
        assert len(calls()) >= 14

    @pytest.mark.parametrize("name", ["smoothness", "threshold", "noise"])
    def test_knobs_have_their_defaults(self, name):
        default = inspect.signature(scgsr.tl.fit).parameters[name].default
        assert f"- `{name}` ({default}):" in section("Three knobs")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the files that the README names; pictures are drawn and not shown."""
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: None)
    rng = np.random.default_rng(0)
    kinds = np.arange(N_CELLS) % 3
    markers = 50 * rng.gamma(2, size=(N_CELLS, 3)) * (1 + 20 * np.eye(3)[kinds])
    cells = AnnData(np.column_stack([markers, np.arange(N_CELLS)]).astype(np.float32))
    cells.var_names = cells.var["channel"] = ["CD3", "CD4", "CD8", "Time"]
    Path("run1").mkdir()
    for donor in (1, 2):
        scgsr.io.write_fcs(cells[donor - 1 :: 2].copy(), f"run1/donor_{donor}.fcs", key=None)
    genes = 1 + 5 * np.eye(3).repeat(800, axis=1)
    counts = AnnData(rng.poisson(genes[kinds] * rng.gamma(2, 0.2, size=2400)).astype(np.float32))
    counts.write_h5ad("counts.h5ad")
    yield tmp_path
    plt.close("all")


class TestOwnData:
    def test_two_blocks_of_six_lines(self):
        assert f"`{IMPORTS}`" in section("Your own data")
        assert [len(block.splitlines()) for block in blocks("python")] == [6, 6]

    @pytest.mark.parametrize("block", blocks("python"), ids=["cytometry", "scrna"])
    def test_runs_and_writes_the_slots(self, here, block):
        names = {}
        exec(f"{IMPORTS}\n{block}", names)
        adata = names["adata"]
        assert adata.n_obs == N_CELLS
        new = adata.copy()
        scgsr.tl.transform(new, adata)
        listed = re.findall(r'^\| `\.(\w+)\["(\w+)"\]`', section("What is written"), flags=re.MULTILINE)
        assert len(listed) == 6
        holders = {"gsr_novelty": new}
        assert [name for slot, name in listed if name not in getattr(holders.get(name, adata), slot)] == []
