"""Value checks: right types and ranges pass, wrong ones name the argument."""

from __future__ import annotations

import inspect
import logging
import pickle

import numpy as np
import pytest
import scanpy

from scgsr import _checks, pl, pp, tl
from scgsr._checks import log


@pytest.mark.parametrize("value", [1, np.int32(5)])
def test_positive_int_takes_any_integer(value):
    assert _checks.positive_int("n", value) == value
    assert type(_checks.positive_int("n", value)) is int


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (-3, ValueError), (1.0, TypeError), (True, TypeError)])
def test_positive_int_refuses(value, error):
    with pytest.raises(error, match="`n`"):
        _checks.positive_int("n", value)


def test_names_are_one_or_several():
    assert _checks.names("n", "a b") == ["a b"]
    assert _checks.names("n", np.array(["a", "b"])) == ["a", "b"]
    with pytest.raises(TypeError, match="`n` must be a name or a list of names, got 5 of type int"):
        _checks.names("n", 5)


@pytest.mark.parametrize("value", [0, 0.5, np.float32(1)])
def test_number_takes_what_lies_in_range(value):
    assert _checks.number("x", value, minimum=0, maximum=1) == value


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_number_refuses_what_does_not(value):
    with pytest.raises(ValueError, match="`x` must be finite and at least 0 and at most 1"):
        _checks.number("x", value, minimum=0, maximum=1)


def test_exclusive_minimum_is_excluded():
    with pytest.raises(ValueError, match="above 0"):
        _checks.number("x", 0, minimum=0, exclusive=True)


@pytest.mark.parametrize("value", ["1", None, False])
def test_number_refuses_other_types(value):
    with pytest.raises(TypeError, match="`x`"):
        _checks.number("x", value)


def test_one_of_lists_what_is_allowed():
    assert _checks.one_of("kind", "a", ["a", "b"]) == "a"
    with pytest.raises(ValueError, match=r"`kind` must be one of \['a', 'b'\], got 'c'"):
        _checks.one_of("kind", "c", ["a", "b"])
    with pytest.raises(TypeError, match="`kind`"):
        _checks.one_of("kind", 1, ["a", "b"])


def test_instance_names_both_types_and_the_cure():
    with pytest.raises(TypeError, match=r"`graph` must be int or str, got float\. Try harder\."):
        _checks.instance("graph", 1.0, (int, str), hint="Try harder.")


def test_existing_key_lists_what_exists():
    with pytest.raises(KeyError, match=r"`layer`='x' is not in \.layers, which has \['a'\]"):
        _checks.existing_key("layer", "x", [None, "a"], where=".layers")  # anndata lists .X as None


@pytest.fixture
def without_handlers(monkeypatch):
    """Let nobody have set up logging, as in a notebook; pytest's own handlers come after the fixtures."""
    return lambda: monkeypatch.setattr(logging.root, "handlers", [])


class TestLines:
    def test_are_seen_where_nobody_has_set_up_logging(self, capsys, without_handlers):
        without_handlers()
        log.info("%d modules", 5)
        log.warning("few cells")
        log.debug("detail")
        assert capsys.readouterr().err.splitlines() == ["5 modules", "few cells"]

    def test_are_quiet_where_scanpy_is_told_to_be(self, capsys, without_handlers):
        without_handlers()
        before, scanpy.settings.verbosity = scanpy.settings.verbosity, 0
        try:
            log.info("5 modules")
            log.warning("few cells")
        finally:
            scanpy.settings.verbosity = before
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
    def test_are_quiet_where_the_logger_is_told_to_be(self, capsys, level, monkeypatch, without_handlers):
        without_handlers()
        monkeypatch.setattr(log.logger, "level", level)
        log.logger.manager._clear_cache()
        log.info("5 modules")
        assert capsys.readouterr().err == ""
        monkeypatch.undo()
        log.logger.manager._clear_cache()

    def test_are_filtered_as_those_of_any_logger(self, capsys, without_handlers, monkeypatch):
        without_handlers()
        monkeypatch.setattr(log.logger, "filters", [lambda record: "secret" not in record.msg])
        log.info("a secret")
        log.info("5 modules")
        assert capsys.readouterr().err == "5 modules\n"

    def test_go_to_the_handlers_of_the_user_alone(self, capsys, without_handlers):
        without_handlers()
        lines = []
        handler = logging.Handler()
        handler.emit = lambda record: lines.append((record.getMessage(), record.filename))
        logging.root.addHandler(handler)
        before = logging.root.level
        logging.root.setLevel(logging.INFO)
        try:
            log.info("%d modules", 5)
        finally:
            logging.root.setLevel(before)
            logging.root.removeHandler(handler)
        assert lines == [("5 modules", "test_checks.py")]
        assert capsys.readouterr().err == ""

    def test_of_a_fit_say_what_was_used_how_well_and_how_many(self, capsys, cells, without_handlers):
        without_handlers()
        tl.fit(cells, (4, 5), n_epochs=3, hidden=16)
        said = capsys.readouterr().err
        assert "one common scale" in said
        assert "training on cpu" in said
        assert "3 epochs, R2 0." in said
        assert "modules of neurons" in said


VERBS = [getattr(room, name) for room in (tl, pl) for name in room.__all__] + [pp.arcsinh]
# What is tried, and what each answer has to say where the verb has such an argument, and where not.
TRIED = {
    "random_state": ("rng", "write rng=3", "nothing is drawn at random"),
    "seed": ("rng", "write rng=3", "nothing is drawn at random"),
    "use_highly_variable": ("mask_var", "write mask_var='highly_variable'", "`mask_var` of `scgsr.tl.fit`"),
    "inplace": ("copy", "write copy=True", "leave it out"),
    "verbose": (None, "", "scanpy.settings.verbosity"),
    "verbosity": (None, "", "scanpy.settings.verbosity"),
    "n_clusters": ("n_clusters", "", "`n_clusters` of `scgsr.tl.cluster`"),
    "k": ("n_clusters", "write n_clusters=3", "`n_clusters` of `scgsr.tl.cluster`"),
    "resolution": ("resolution", "", "`resolution` or `n_clusters` of `scgsr.tl.cluster`"),
    "flavor": (None, "", "modules are found among neurons"),
    "max_epochs": ("n_epochs", "write n_epochs=3", "leave it out"),
}


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__qualname__)
@pytest.mark.parametrize("name", TRIED)
def test_what_other_packages_call_otherwise_is_answered(verb, name):
    own = inspect.signature(verb).parameters
    if name in own:
        assert name in ("n_clusters", "resolution"), "the table is of other packages"
        return
    argument, where_there_is, otherwise = TRIED[name]
    called = f"scgsr.{verb.__module__.split('.')[1]}.{verb.__name__}"
    with pytest.raises(TypeError, match=f"^`{name}` is no argument of `{called}`: ") as caught:
        verb(None, **{name: 3})
    assert (where_there_is if argument in own else otherwise) in str(caught.value)
    assert caught.value.argument == name


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__qualname__)
def test_signatures_and_docstrings_stay_those_of_the_verbs(verb):
    parameters = inspect.signature(verb).parameters.values()
    assert all(one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL) for one in parameters)
    assert "Parameters" in verb.__doc__
    assert pickle.loads(pickle.dumps(verb)) is verb


def test_an_argument_that_nobody_has_is_answered_as_python_does():
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        tl.fit(None, colour=1)
