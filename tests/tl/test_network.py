"""The arguments of `fit` that shape the network: its graph, and what has no meaning beside atoms."""

from __future__ import annotations

import pytest

from scgsr import graphs, tl
from scgsr.tl._network import as_graph


def test_a_graph_is_a_value_two_numbers_or_the_sheet():
    assert as_graph(None).image_shape == (10, 10)
    assert as_graph((3, 4)).image_shape == (3, 4)
    for graph in (graphs.ring(5), graphs.learned(9)):
        assert as_graph(graph) is graph
    with pytest.raises(TypeError, match=r"`graph` must be NeuronGraph or LearnedGraph, got str\. Make one"):
        as_graph("grid")


@pytest.mark.parametrize(
    ("graph", "arguments", "message"),
    [
        (graphs.learned(25), {}, "`atoms` need a given graph"),
        ((5, 5), {"threshold": 1.0}, "`threshold`=1.0 has no meaning with `atoms`"),
        ((5, 5), {"threshold": None}, "`threshold`=None has no meaning"),
        ((5, 5), {"diffusion": 2}, "`diffusion`=2 has no meaning with `atoms`"),
    ],
)
def test_what_makes_no_sense_with_atoms_is_refused(cells, graph, arguments, message):
    with pytest.raises(ValueError, match=message):
        tl.fit(cells, graph, atoms=graphs.Atoms(), **arguments)
    assert "gsr" not in cells.uns
    for wrong in ("heat", {"kernel": "heat"}):
        with pytest.raises(TypeError, match="`atoms`"):
            tl.fit(cells, (5, 5), atoms=wrong)
