import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from cs_patchcore.memory import choose, distance_to


def patches(count, dim=96, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def test_distances_are_those_of_scikit_learn():
    memory, asked = patches(50), patches(12, seed=1).reshape(3, 4, 96)
    nearest = NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(memory.double().numpy())
    expected = nearest.kneighbors(asked.reshape(12, 96).double().numpy())[0].reshape(3, 4)
    assert distance_to(memory, asked).numpy() == pytest.approx(expected, rel=1e-5)


def test_what_is_remembered_is_not_strange():
    memory = 100 + patches(50)
    assert distance_to(memory, memory).max() < 1e-3


def test_every_clump_is_remembered():
    clumps = torch.cat([place + 0.01 * patches(40, seed=s) for s, place in enumerate((0.0, 5.0, -9.0))])
    memory, radius = choose(clumps, 3, seed=0)
    assert sorted(np.round(memory.mean(dim=1).numpy()).tolist()) == [-9, 0, 5]
    assert radius < 1


def test_a_larger_memory_is_closer_to_all_and_holds_candidates_only():
    candidates = patches(200)
    radii = [choose(candidates, size, seed=0)[1] for size in (1, 10, 100, 200, 999)]
    assert radii == sorted(radii, reverse=True)
    assert radii[-1] == radii[-2] == 0
    memory, _ = choose(candidates, 999, seed=0)
    assert {tuple(row) for row in memory.tolist()} == {tuple(row) for row in candidates.tolist()}
