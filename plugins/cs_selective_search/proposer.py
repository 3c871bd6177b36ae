"""OpenCV's Selective Search (Uijlings et al. 2013), made reproducible."""

from __future__ import annotations

from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from cs_framework import Env, Frame, SetupError, boxes
from cs_selective_search.settings import Settings

_LONGEST = 512
_SIGMA = 0.5


class SelectiveSearch:
    """Proposes the bounding boxes of regions that arise while alike neighbouring segments merge.

    OpenCV returns the same set of boxes on every call but ranks it with C's ``rand()``, so its order depends
    on whatever ran before in the process. Here the set is ordered by a checksum of the coordinates before it
    is cut: what `max_regions` keeps is an even sample of all sizes, shapes and places, where an order by area
    or shape would always lose the same kind of box.
    """

    def __init__(self, settings: Settings, env: Env) -> None:
        if not hasattr(cv2, "ximgproc"):
            raise SetupError(
                "selective-search needs OpenCV with its contrib modules, and the cv2 found here "
                f"({cv2.__version__}) lacks cv2.ximgproc. Cure: pip uninstall opencv-python "
                "opencv-python-headless opencv-contrib-python opencv-contrib-python-headless; "
                "pip install opencv-contrib-python"
            )
        self._settings = settings

    def propose(self, frame: Frame) -> NDArray[np.float32]:
        """(N, 4) boxes of at least `min_area`, at most `max_regions` of them, in no order of merit."""
        search = {"grey": self._grey, "quality": _quality, "fast": _fast}[self._settings.mode]
        found = np.unique(boxes.clip(search(frame), frame.size), axis=0)
        found = found[boxes.area(found) >= self._settings.min_area]
        scramble = [crc32(box.tobytes()) for box in found]
        return found[np.argsort(scramble, kind="stable")[: self._settings.max_regions]]

    def _grey(self, frame: Frame) -> NDArray[np.float32]:
        """Merges segments of the grey plane by fill, texture and size, and again by size alone.

        Colour says nothing on grey frames and its histograms are slow. Segments are counted in pixels and the
        time grows faster than their number, so larger frames are searched at `_LONGEST` px.
        """
        segmentation = cv2.ximgproc.segmentation
        scale = min(1.0, _LONGEST / max(frame.size))
        height, width = (max(1, round(side * scale)) for side in frame.size)
        grey = cv2.resize(frame.grey, (width, height), interpolation=cv2.INTER_AREA)
        search = segmentation.createSelectiveSearchSegmentation()
        search.addImage(grey)
        for k in self._settings.k:
            search.addGraphSegmentation(
                segmentation.createGraphSegmentation(_SIGMA, k, self._settings.min_size)
            )
        search.addStrategy(
            segmentation.createSelectiveSearchSegmentationStrategyMultiple(
                segmentation.createSelectiveSearchSegmentationStrategyFill(),
                segmentation.createSelectiveSearchSegmentationStrategyTexture(),
                segmentation.createSelectiveSearchSegmentationStrategySize(),
            )
        )
        search.addStrategy(segmentation.createSelectiveSearchSegmentationStrategySize())
        found = boxes.from_xywh(search.process())
        found[:, 0::2] *= frame.size[1] / width
        found[:, 1::2] *= frame.size[0] / height
        return found


def _fast(frame: Frame) -> NDArray[np.float32]:
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
    search.switchToSelectiveSearchFast()
    return boxes.from_xywh(search.process())


def _quality(frame: Frame) -> NDArray[np.float32]:
    image = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(image)
    search.switchToSelectiveSearchQuality()
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    if hsv[..., 1].any():
        return boxes.from_xywh(search.process())
    # A grey frame: of the five images that OpenCV searches (HSV, Lab, grey, hue, and red-green-grey) hue is
    # constant and gives the whole frame, at a sixth of the time.
    search.clearImages()
    for plane in (hsv, cv2.cvtColor(image, cv2.COLOR_BGR2Lab), frame.grey, image):
        search.addImage(plane)
    height, width = frame.size
    return boxes.from_xywh([*search.process(), (0, 0, width, height)])
