import numpy as np
import pytest
from scipy import ndimage

from cs_framework.pipeline.results import frame_cues


@pytest.mark.parametrize("shape", [(40, 30), (1, 1), (1, 7)])
def test_statistics_are_those_of_numpy_and_scipy(shape):
    grey = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    grey.flags.writeable = False
    found = frame_cues(grey)
    assert found == pytest.approx(
        {
            "mean_intensity": grey.mean(),
            "standard_deviation": grey.std(),
            "laplacian_variance": ndimage.laplace(grey.astype(float), mode="mirror").var(),
            "frame_size": (shape[0] * shape[1]) ** 0.5,
        }
    )
    assert all(type(value) is float for value in found.values())
