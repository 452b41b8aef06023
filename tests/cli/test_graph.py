"""`--graph`: the graph in a word."""

from __future__ import annotations

import argparse

import pytest

from scgsr.cli._graph import add_graph
from scgsr.graphs import LearnedGraph, learned


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_graph(parser)
    return parser


@pytest.mark.parametrize(
    ("text", "n_neurons", "n_edges"), [("4x5", 20, 31), ("4X5", 20, 31), ("ring:7", 7, 7), ("path:7", 7, 6)]
)
def test_words_are_graphs(parser, text, n_neurons, n_edges):
    graph = parser.parse_args(["--graph", text]).graph
    assert graph.n_neurons == n_neurons
    assert (graph.adjacency > 0).sum() == 2 * n_edges


def test_the_default_graph_is_that_of_the_api(parser):
    assert parser.parse_args([]).graph is None
    assert parser.parse_args(["--graph", "learned"]).graph == learned()
    graph = parser.parse_args(["--graph", "learned:64"]).graph
    assert isinstance(graph, LearnedGraph)
    assert graph.n_neurons == 64


@pytest.mark.parametrize("text", ["sphere", "4x", "x5", "4x5x6", "ring", "ring:", "ring:-3", "learned:x", "ring:5 "])
def test_other_words_are_refused(parser, text):
    with pytest.raises(argparse.ArgumentError, match="must be learned, learned:100, 10x10, ring:20 or path:10, got"):
        parser.parse_args(["--graph", text])


@pytest.mark.parametrize(
    ("text", "fits"), [("64x64", True), ("64x65", False), ("path:4096", True), ("path:4097", False)]
)
def test_the_number_of_neurons_has_a_bound(parser, text, fits):
    if fits:
        assert parser.parse_args(["--graph", text]).graph.n_neurons == 4096
    else:
        with pytest.raises(argparse.ArgumentError, match=f"{text} is too large"):
            parser.parse_args(["--graph", text])
