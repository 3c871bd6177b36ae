import cs_patchcore
from cs_framework.testing import parametrize_components

SMALL = {"model": "test_resnet", "image_size": 64, "memory": 20}


@parametrize_components(cs_patchcore)
def test_conformance(check):
    check(SMALL)
