"""Statistics of one batch are the same whether its rows lie on one rank or on two."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scgsr import _ranks


@pytest.fixture(scope="module")
def statistics(results):
    """By rank: the rows of one batch and what was computed from them, alone and together."""
    return [of_rank["statistics"][0] for of_rank in results]


@pytest.mark.parametrize("name", ["deviations", "normal", "evaluated", "gradient", "noise"])
def test_rows_of_two_ranks_are_the_rows_of_one(statistics, name):
    """Also their gradient, where each rank has differentiated the loss of the batch by its own rows."""
    together = np.concatenate([of_rank["together"]["of rows"][name] for of_rank in statistics])
    assert together.shape == (5, 3)
    np.testing.assert_allclose(together, statistics[0]["alone"]["of rows"][name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "name", ["variance", "mean", "loss", "n_rows", "running_mean", "running_var", "num_batches_tracked"]
)
def test_numbers_of_the_batch_are_equal_on_all_ranks_and_on_one(statistics, name):
    one, two = (of_rank["together"]["of all"][name] for of_rank in statistics)
    assert one == two
    np.testing.assert_allclose(one, statistics[0]["alone"]["of all"][name], rtol=1e-12)


def test_outside_of_a_batch_the_penalty_of_the_user_is_of_the_own_rows(statistics):
    for of_rank in statistics:
        inside, outside = of_rank["penalty outside of a batch"]
        assert inside == outside


def test_a_rank_without_rows_takes_part(results):
    """All rows lie on the second rank: numbers are those of one process, the first rank has a gradient of no rows."""
    first, second = (of_rank["without_rows"][0] for of_rank in results)
    assert first["of all"] == second["of all"]
    for name, expected in second["alone"]["of all"].items():
        np.testing.assert_allclose(second["of all"][name], expected, rtol=1e-12, err_msg=name)
    for name, expected in second["alone"]["of rows"].items():
        np.testing.assert_allclose(second["of rows"][name], expected, rtol=1e-12, atol=1e-14, err_msg=name)
        assert np.shape(first["of rows"][name])[0] == 0


def test_rows_lie_where_their_places_say(results):
    """Ranks have rows 0, 2 and rows 1, 3, 4 of a batch: the noise of each row is that of one process."""
    noise = np.empty((5, 3))
    for of_rank in results:
        places, own = of_rank["places"][0]
        noise[places] = own
    np.testing.assert_array_equal(noise, results[0]["statistics"][0]["alone"]["of rows"]["noise"])


@pytest.mark.parametrize("n_cells", [2, 7, 300])
def test_a_single_process_normalises_as_torch_does(n_cells):
    rows = 5 + torch.randn(n_cells, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found, expected = [], []
    for normalise, of_kind in ((_ranks.normalised, found), (lambda rows, norm: norm(rows), expected)):
        norm, own = torch.nn.BatchNorm1d(3, affine=False).double(), rows.clone().requires_grad_()
        normed = normalise(own, norm)
        (slope,) = torch.autograd.grad(normed.pow(3).sum(), own, create_graph=True)
        (curvature,) = torch.autograd.grad(slope.square().sum(), own)
        of_kind += [normed, slope, curvature, *norm.buffers(), normalise(own, norm.eval())]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_a_single_cell_cannot_be_normalised():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        _ranks.normalised(torch.zeros(1, 3), torch.nn.BatchNorm1d(3, affine=False))


def test_a_single_process_calls_what_it_always_called():
    rows = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    mean = rows.mean(dim=0)
    with _ranks.one_batch(len(rows)):
        assert _ranks.pooled(mean) is mean
        assert _ranks.n_rows(rows) == 7
        assert torch.equal(_ranks.centred(rows)[0], rows - mean)
        assert torch.equal(_ranks.centred(rows)[1], (rows - mean).square().mean(dim=0))
        drawn = _ranks.normal_like(rows, torch.Generator().manual_seed(1))
    assert torch.equal(drawn, torch.empty(7, 3).normal_(generator=torch.Generator().manual_seed(1)))
