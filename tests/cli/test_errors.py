"""What went wrong, in one line with the option, and what is written by then."""

from __future__ import annotations

import argparse
from pathlib import Path

import anndata as ad
import pytest

from scgsr import cli
from scgsr._checks import about
from scgsr.cli._errors import as_error_about, line_of, text_of, written

QUICK = ["--n-epochs", "3", "--graph", "4x5"]


def test_an_interrupt_before_the_command_runs(monkeypatch, capsys, interrupt):
    monkeypatch.setattr(cli, "_parser", interrupt)
    with pytest.raises(SystemExit, match="130"):
        cli.main(["demo"])
    assert capsys.readouterr().err == "interrupted; no output was written\n"


def test_an_interrupt_says_from_where_the_fit_goes_on(paths, monkeypatch, capsys, interrupt):
    start = ["fit", str(paths / "cells.h5ad"), str(paths / "o.h5ad"), "--checkpoint", str(paths / "run"), *QUICK]
    monkeypatch.setattr("scgsr.cli._fit.put", interrupt)
    with pytest.raises(SystemExit, match="130"):
        cli.main(start)
    end = f"no output was written; the same command resumes from the last state in {paths / 'run'}, if there is one\n"
    assert capsys.readouterr().err.endswith(f"interrupted; {end}")
    assert (paths / "run" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("no space left")])
def test_what_is_written_is_said_when_the_model_is_not(paths, monkeypatch, capsys, error):
    def fail(*arguments, **options):
        raise error

    out, model = paths / "o.h5ad", paths / "model"
    monkeypatch.setattr("scgsr.FittedModel.save", fail)
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", str(paths / "cells.h5ad"), str(out), "--save-model", str(model), *QUICK])
    message = capsys.readouterr().err + str(stop.value.code)
    assert f"written: {out}" in message
    assert str(model) not in message
    assert "gsr" in ad.read_h5ad(out).obs


@pytest.mark.parametrize("where", ["scgsr.tl.fit", "anndata.io.write_elem", "scgsr._adata._copy._copy_file"])
def test_an_interrupt_leaves_the_old_output(paths, monkeypatch, capsys, where, interrupt):
    (paths / "out.h5ad").write_text("old")
    before = sorted(paths.iterdir())
    monkeypatch.setattr(where, interrupt)
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", str(paths / "cells.h5ad"), str(paths / "out.h5ad"), "--overwrite", *QUICK])
    assert stop.value.code == 130
    assert "no output was written" in capsys.readouterr().err
    assert (sorted(paths.iterdir()), (paths / "out.h5ad").read_text()) == (before, "old")


@pytest.fixture
def options() -> argparse.Namespace:
    return argparse.Namespace(command="fit", input=Path("in.h5ad"), layer="raw", n_epochs=None, written=[])


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (about("layer", KeyError("`layer`='raw' is \"not\" there.")), "--layer='raw' is \"not\" there."),
        (about("n_epochs", ValueError("`n_epochs` must be\n  at least 1.")), "--n-epochs must be at least 1."),
        (
            about("layer", ValueError("`adata` has no `.X`; name a `layer`.")),
            "--layer: `adata` has no `.X`; name a `layer`.",
        ),
        (about("adata", ValueError("`adata` has no cells.")), "in.h5ad has no cells."),
        (about("path", ValueError("`path`: no channel in common.")), "in.h5ad: no channel in common."),
        (about("path", ValueError("`path`: in.h5ad is damaged.")), "in.h5ad is damaged."),
        (about("use_rep", KeyError("`use_rep`='r' is not there.")), "in.h5ad: `use_rep`='r' is not there."),
        (ValueError("no argument"), "no argument"),
        (KeyError(), "KeyError"),
        (MemoryError(), "there is too little memory"),
        (OSError(28, "No space left", "a.h5ad"), "[Errno 28] No space left: 'a.h5ad'"),
    ],
)
def test_a_line_names_what_the_user_typed(options, error, line):
    assert line_of(error, options) == line


def test_a_command_without_an_input_says_what_the_error_says():
    demo = argparse.Namespace(command="demo", out=Path("pictures"))
    assert line_of(about("adata", ValueError("`adata` has no cells.")), demo) == "`adata` has no cells."


@pytest.mark.parametrize(
    ("message", "renamed"),
    [("`folder`='m' is damaged.", "`save_model`='m' is damaged."), ("no space left", "`save_model`: no space left")],
)
@pytest.mark.parametrize("error", [OSError, ValueError, KeyError, TypeError])
def test_an_error_is_about_the_option_that_was_given(error, message, renamed):
    with pytest.raises(ValueError) as caught, as_error_about("save_model", "folder"):
        raise error(message)
    assert (caught.value.argument, str(caught.value)) == ("save_model", renamed)


def test_what_is_about_the_machine_stays_as_it_is():
    with pytest.raises(MemoryError) as caught, as_error_about("save_model", "folder"):
        raise MemoryError
    assert not hasattr(caught.value, "argument")


def test_a_key_error_has_no_quotation_marks_around_it():
    assert text_of(KeyError('it\'s "there"')) == 'it\'s "there"'


def test_outputs_are_listed_and_the_checkpoint_only_without_any(options):
    assert written(options) == "no output was written"
    options.checkpoint = "run"
    assert written(options) == (
        "no output was written; the same command resumes from the last state in run, if there is one"
    )
    options.written += ["a.h5ad", "model"]
    assert written(options) == "written: a.h5ad, model"


@pytest.mark.parametrize("error", [ValueError, KeyError, TypeError, OSError, ImportError, MemoryError])
def test_an_error_ends_the_command_with_one_line(paths, monkeypatch, error):
    def fail(*arguments, **options):
        msg = "first\nsecond"
        raise about("smoothness", error(msg))

    monkeypatch.setattr("scgsr.tl.fit", fail)
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", str(paths / "cells.h5ad"), str(paths / "out.h5ad")])
    assert stop.value.code == "scgsr fit: --smoothness: first second"
