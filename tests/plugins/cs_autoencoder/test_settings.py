from __future__ import annotations

import pytest

from cs_autoencoder.settings import Settings


def test_sizes_that_three_poolings_cannot_halve_are_refused():
    with pytest.raises(ValueError, match="multiple of 8"):
        Settings(image_size=100)
