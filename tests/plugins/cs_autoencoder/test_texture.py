from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import KMeans

from cs_autoencoder import preprocessing
from cs_autoencoder.texture import glcm_contrast, smooth_mask, texture_heat, two_means
from tests.plugins.cs_autoencoder import reference


@settings(max_examples=30)
@given(
    image=arrays(np.uint8, st.tuples(st.integers(9, 20), st.integers(9, 20))),
    window=st.integers(3, 9),
    step=st.integers(1, 5),
)
def test_contrast_is_that_of_scikit_image_in_every_window(image, window, step):
    expected = reference.contrast(image, window, step)
    np.testing.assert_allclose(glcm_contrast(image // 8, window, step), expected, rtol=1e-6, atol=0)


def test_contrast_of_a_whole_frame_at_the_published_size(make_frame):
    image = preprocessing.preprocess(make_frame((300, 310)).grey, 256)
    contrast = glcm_contrast(image // 8)
    assert contrast.shape == (29, 29)
    np.testing.assert_allclose(contrast, reference.contrast(image), rtol=1e-6, atol=0)


def test_heat_is_the_published_one(make_frame):
    image = make_frame((96, 96)).grey
    np.testing.assert_allclose(texture_heat(image), reference.heat(image), rtol=0, atol=1e-6)


def test_centred_heat_turns_warm_where_texture_begins():
    image = np.zeros((256, 256), np.uint8)
    image[:, 64::2] = 80  # stripes from column 64 on

    def first_warm_column(heat):
        return int(np.argmax(heat[128] > 0.5))

    assert abs(first_warm_column(texture_heat(image, "centred")) - 64) <= 1
    assert abs(first_warm_column(texture_heat(image, "published")) - 64) >= 5


@pytest.mark.parametrize("alignment", ["published", "centred"])
@pytest.mark.parametrize("size", [8, 16, 32, 264])
def test_heat_at_other_sizes(make_frame, size, alignment):
    heat = texture_heat(make_frame((size, size)).grey, alignment)
    assert heat.shape == (size, size)
    assert heat.dtype == np.float32
    assert -0.2 < heat.min() <= heat.max() < 1.2


numbers = arrays(np.float32, st.integers(1, 40), elements=st.integers(-20, 20).map(lambda n: n / 8))


@given(numbers)
def test_two_means_is_the_best_of_all_cuts(values):
    assert two_means(values) == reference.least_split(values)


@given(numbers.filter(lambda values: len(set(values)) > 1), st.integers(0, 5))
def test_two_means_is_never_worse_than_k_means(values, seed):
    lower = values <= two_means(values)
    spread = sum(((part - part.mean()) ** 2).sum() for part in (values[lower], values[~lower]))
    k_means = KMeans(2, n_init=1, random_state=seed).fit(values[:, None])
    assert spread <= k_means.inertia_ * (1 + 1e-4) + 1e-6


def test_two_means_takes_the_lowest_of_equally_good_cuts():
    assert two_means(np.array([[3.0, 1.0], [1.0, 2.0], [3.0, 2.0]])) == 1.0


def test_smooth_mask_is_cool_and_a_5_x_5_smaller():
    heat = np.ones((20, 20), np.float32)
    heat[:9, 4:15] = 0
    expected = np.zeros((20, 20), bool)
    expected[:7, 6:13] = True  # nothing is lost at the border of the frame
    np.testing.assert_array_equal(smooth_mask(heat), expected)


def test_smooth_mask_of_slivers_is_empty():
    heat = np.ones((20, 20), np.float32)
    heat[::5] = 0
    assert not smooth_mask(heat).any()


def test_a_frame_without_texture_is_smooth_everywhere():
    assert smooth_mask(texture_heat(np.full((64, 64), 7, np.uint8))).all()
