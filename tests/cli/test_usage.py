"""A command that is wrong is refused before anything is read, and help explains it."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from scgsr import cli


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "required: command"),
        ("unknown", "invalid choice"),
        ("demo --unknown", "unrecognized arguments"),
        ("fit in.h5ad", "required: OUTPUT"),
        ("fit in.h5ad out.h5ad --graph sphere", "--graph: must be learned, learned:100, 10x10"),
        (
            "fit in.h5ad out.h5ad --graph ring:1",
            "--graph: ring:1 is no graph: `n` must be at least 3",
        ),
        ("fit in.h5ad out.h5ad --graph 0x0", "--graph: 0x0 is no graph: `height` must be at least 1, got 0"),
        ("fit in.h5ad out.h5ad --graph 10000x10000", "100,000,000 neurons, and more than 4,096 need scgsr.tl.fit"),
        ("fit in.h5ad out.h5ad --graph learned:5000", "learned:5000 is too large"),
        ("fit in.h5ad out.h5ad --n-epochs many", "--n-epochs: must be a whole number, got 'many'"),
        ("fit in.h5ad out.h5ad --n-epochs 0", "--n-epochs: must be at least 1, got 0"),
        ("fit in.h5ad out.h5ad --smoothness nan", "--smoothness: must be finite and at least 0, got nan"),
        ("fit in.h5ad out.h5ad --smoothness -1", "--smoothness: must be finite and at least 0, got -1"),
        ("fit in.h5ad out.h5ad --threshold inf", "--threshold: must be finite, got inf"),
        ("fit in.h5ad out.h5ad --resolution 0", "--resolution: must be finite and above 0, got 0"),
        ("fit in.h5ad out.h5ad --cofactor -5", "--cofactor: must be finite and above 0, got -5"),
        ("fit in.h5ad out.h5ad --rng -1", "--rng: must be an integer from 0"),
        ("fit in.h5ad out.h5ad --device abacus", "--device: 'abacus' cannot be used here (Expected one of cpu, cuda"),
        ("fit in.h5ad out.h5ad --device abacus", "); leave --device out to take the best that there is"),
        ("fit in.h5ad out.h5ad --key-added a/b", "--key-added: must be a name that AnnData files accept"),
        ("fit in.h5ad out.h5ad --features a --mask-var b", "not allowed with argument --features"),
        ("fit in.h5ad out.h5ad --use-rep r --cofactor 5", "--cofactor and --use-rep exclude each other"),
        ("fit in.h5ad out.h5ad --use-rep r --features a", "--features and --use-rep exclude each other"),
        ("transform in.h5ad out.h5ad", "required: --reference"),
        ("transform in.h5ad out.h5ad --reference r --fill median", "--fill: must be mean or a finite number"),
        ("transform in.h5ad out.h5ad --reference r --fill nan", "--fill: must be mean or a finite number"),
    ],
)
def test_wrong_usage_exits_with_two_before_anything_is_read(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments.split())
    assert stop.value.code == 2
    shown = capsys.readouterr().err
    assert "usage" in shown
    assert message in shown


def test_an_empty_path_is_not_the_current_folder(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["fit", "", "out.h5ad"])
    assert "INPUT: must name a file or a folder" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"scgsr {version('scgsr')}\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("demo", "no network"),
        ("fit", "5 for mass and 150 for"),
        ("fit", "learned:64"),
        ("fit", "2 the command itself was wrong"),
        ("transform", "without training"),
    ],
)
def test_help_explains(capsys, command, message):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    assert message in " ".join(capsys.readouterr().out.split())
