"""Pictures inside the page: each is held once, however often it is shown, and boxes lie over it as lines."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from attrs import define, field
from markupsafe import Markup

from cs_framework.api.arrays import Bool, Float32, UInt8
from cs_framework.outputs.overlays import corners, heat, outline
from cs_framework.report.contents import Box, ReportFrame

BUDGET = 8_000_000
"""Bytes of pictures in a page, before base64 adds a third."""
LONGEST = 420
"""Pixels of the longer side of a picture."""
_QUALITY = 82


@define(eq=False)
class Pictures:
    """The pictures of a page."""

    _symbols: list[Markup] = field(factory=list)
    _frames: dict[str, str] = field(factory=dict)
    _spent: int = 0

    @property
    def full(self) -> bool:
        """Whether the page holds as much as it should."""
        return self._spent >= BUDGET

    def add_frame(self, look: ReportFrame, image: UInt8) -> str:
        """Take in a frame, once; return the name by which `show` finds it, plain or with its boxes."""
        if look.frame not in self._frames:
            height, width = look.size
            name = f"f{len(self._frames)}"
            self._symbols.append(_symbol(f"{name}-plain", look.size, self._encode(image)))
            inside = Markup('<use href="#{}-plain" width="{}" height="{}"/>').format(name, width, height)
            inside += _boxes(look.truth or (), "annotated", look.size)
            inside += _boxes([box for box, _ in look.reported], "found", look.size)
            self._symbols.append(_symbol(name, look.size, inside))
            self._frames[look.frame] = name
        return self._frames[look.frame]

    def add_map(self, residual: Float32, mask: Bool | None) -> tuple[str, str | None]:
        """Take in the map behind an anomaly score; return the names of the whole and of its masked form."""
        size = residual.shape[0], residual.shape[1]
        names: list[str | None] = [None, None]
        for place, picture in enumerate((heat(residual), None if mask is None else heat(residual, mask))):
            if picture is not None:
                names[place] = name = f"m{len(self._symbols)}"
                self._symbols.append(_symbol(name, size, self._encode(picture)))
        assert names[0] is not None
        return names[0], names[1]

    def name(self, look: ReportFrame) -> str | None:
        """The name of a frame that was taken in."""
        return self._frames.get(look.frame)

    def show(self, name: str, size: tuple[int, int], what: str) -> Markup:
        """A picture in the page."""
        height, width = size
        return Markup(
            '<svg class="picture" viewBox="0 0 {0} {1}" role="img" aria-label="{3}"><title>{3}</title>'
            '<use href="#{2}" width="{0}" height="{1}"/></svg>'
        ).format(width, height, name, what)

    def definitions(self) -> Markup:
        """What `show` refers to; goes into the page once, before the rest."""
        return Markup('<svg class="definitions" aria-hidden="true">{}</svg>').format(
            Markup("").join(self._symbols)
        )

    def _encode(self, image: UInt8) -> Markup:
        height, width = image.shape[:2]
        scale = min(1.0, LONGEST / max(height, width))
        small = cv2.resize(
            image, (max(round(width * scale), 1), max(round(height * scale), 1)), interpolation=cv2.INTER_AREA
        )
        bgr = cv2.cvtColor(small.astype(np.uint8), cv2.COLOR_RGB2BGR)
        _, encoded = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
        self._spent += len(encoded)
        data = base64.b64encode(encoded.tobytes()).decode("ascii")
        return Markup(
            '<image width="{}" height="{}" preserveAspectRatio="none" href="data:image/webp;base64,{}"/>'
        ).format(width, height, data)


def _symbol(name: str, size: tuple[int, int], inside: Markup) -> Markup:
    height, width = size
    return Markup('<symbol id="{}" viewBox="0 0 {} {}">{}</symbol>').format(name, width, height, inside)


def _boxes(boxes: Sequence[Box], style: str, size: tuple[int, int]) -> Markup:
    """Boxes as overlays have them: thin lines with strong corners outside of them, a dark rim below.

    Lines keep their strength however small a picture is shown, hence a gap that does for a small one.
    """
    lines, gap = Markup(""), max(size) / 160
    for box in boxes:
        x1, y1, x2, y2 = outline(box, size, gap)
        whole = f"M{x1:.1f} {y1:.1f}H{x2:.1f}V{y2:.1f}H{x1:.1f}Z"
        ticks = "".join(
            f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}L{e:.1f} {f:.1f}"
            for (a, b), (c, d), (e, f) in corners(outline(box, size, 2 * gap), max(16, 8 * gap))
        )
        for path, strength in ((whole, "thin"), (ticks, "strong")):
            for layer in ("rim", style):
                lines += Markup('<path class="{} {}" d="{}"/>').format(layer, strength, path)
    return lines
