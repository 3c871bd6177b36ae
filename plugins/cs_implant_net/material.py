"""Views to learn from and to validate on: real ones that are drawn into, and embryos drawn as a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework import Env, Frame, cavity, draw_scene
from cs_implant_net.drawing import (
    BOLD,
    Drawn,
    What,
    as_frame,
    both_sides,
    draw,
    earlier_sides,
    implanted_sides,
    turn,
    undrawn,
    vary,
)
from cs_implant_net.views import View

_SHOWN = 3
"""How often a drawing is shown, each time varied, before new ones are made: drawing costs time, too."""
_SHOWN_SCENES = 2
"""How often each side of a drawn embryo is shown, each time turned."""
_EARLIER = 0.14
"""How often it is four frames of the first generator that are drawn, which makes about a third of all."""
_IMPLANTED = 0.5
"""Share of the other drawn embryos whose strings are such as are drawn into real frames."""
_SCENES = 60
"""Drawn embryos to validate on."""
_ENOUGH = 20
"""Real string frames in validation that choose the epoch, at least; fewer say less than drawn ones do."""
_LEAST_CAVITY = 0.12
"""Share of the embryo that a cavity covers, as seen by the network, from which on strings fit into it."""
_KINDS: tuple[What, ...] = ("strings", "look-alikes", "nothing")
_SHARES = (0.55, 0.25, 0.20)

Bool = NDArray[np.bool_]


@frozen(eq=False)
class Canvas:
    """Views to draw into: frames without strings, and where their embryos are."""

    frames: tuple[Frame, ...]
    insides: tuple[Bool, ...]
    clear: tuple[int, ...]
    """Rows of those that strings are drawn into. Look-alikes are drawn into any."""
    cavities: tuple[Bool, ...] | None = None
    """(S, S) where a network sees the cavity of each view, and strings belong; None without a network."""

    @classmethod
    def of(cls, views: Sequence[View], clear: float, cavities: Sequence[Bool] | None = None) -> Canvas:
        """Keep what drawing needs of some views.

        Args:
            views: of frames without strings.
            clear: share of them that strings fit into, by `cs_framework.cavity`, where `cavities` is None.
            cavities: (S, S) of each view; strings fit into those that are large enough.
        """
        frames = tuple(as_frame(view, str(number)) for number, view in enumerate(views))
        insides = tuple(view.inside for view in views)
        if cavities is None:
            order = np.argsort([-cavity(frame) for frame in frames], kind="stable")
            chosen = sorted(order[: max(1, round(clear * len(frames)))].tolist()) if frames else []
            return cls(frames, insides, tuple(chosen))
        shares = [seen.sum() / max(inside.sum(), 1) for seen, inside in zip(cavities, insides, strict=True)]
        chosen = [row for row, share in enumerate(shares) if share >= _LEAST_CAVITY]
        return cls(frames, insides, tuple(chosen), tuple(cavities))

    def __len__(self) -> int:
        return len(self.frames)

    def draw_any(self, rng: np.random.Generator) -> Drawn:
        """Draw into a view of those that fit, or leave it as it is."""
        what = _KINDS[rng.choice(len(_KINDS), p=_SHARES)]
        if what == "strings" and self.clear:
            row = self.clear[rng.integers(len(self.clear))]
        else:
            row, what = int(rng.integers(len(self))), "look-alikes" if what == "strings" else what
        return self.draw(row, rng, what, rng.uniform(1, BOLD))

    def draw(self, row: int, rng: np.random.Generator, what: What, boldness: float = 1.0) -> Drawn:
        """Draw into a view; see `cs_implant_net.drawing.draw`."""
        where = None if self.cavities is None else self.cavities[row]
        return draw(self.frames[row], self.insides[row], rng, what, boldness, where)


@frozen(eq=False)
class Material:
    """What there is to learn from."""

    canvas: Canvas
    """May be empty where all is drawn."""
    drawn: float
    """Share of the views that show embryos which are drawn as a whole, from 0 to 1."""
    size: int
    """Side of a view in pixels."""

    def epoch(self, views: int, key: tuple[int, int]) -> list[Drawn]:
        """So many views in random order, newly drawn, as `key` (a seed, the number of the epoch) decides."""
        rng = np.random.default_rng([*key, 0])
        of_scenes = round(self.drawn * views)
        shown: list[Drawn] = []
        number = 0
        while len(shown) < of_scenes:
            sides = _drawn_sides(self.size, (*key, 1, number))
            shown += [turn(side, rng) for side in sides for _ in range(_SHOWN_SCENES)]
            number += 1
        del shown[of_scenes:]
        pool = [self.canvas.draw_any(rng) for _ in range(math.ceil((views - of_scenes) / _SHOWN))]
        shown += [vary(pool[row], rng) for row in rng.integers(max(len(pool), 1), size=views - of_scenes)]
        return [shown[row] for row in rng.permutation(len(shown))]


def _drawn_sides(size: int, key: tuple[int, ...]) -> list[Drawn]:
    """A drawn embryo without and with strings, those of the generator or such as are drawn into frames."""
    rng = np.random.default_rng(key)
    if rng.random() < _EARLIER:
        return earlier_sides(size, rng)
    scene = draw_scene(rng, size, view="embryo")
    return implanted_sides(scene, rng) if rng.random() < _IMPLANTED else both_sides(scene)


@frozen(eq=False)
class Validation:
    """What each epoch is judged by; none of it is learnt from."""

    drawn: tuple[Drawn, ...] = ()
    """Clear held-out views with strings, all of them with look-alikes only; the same drawings each time."""
    plain: tuple[Drawn, ...] = ()
    """The held-out views as they are."""
    strings: tuple[Drawn, ...] = ()
    """Views of frames that show strings."""
    scenes: tuple[Drawn, ...] = ()
    """Drawn embryos with and without strings."""

    @classmethod
    def of(cls, held_out: Canvas, strings: Sequence[View], drawn: float, size: int, env: Env) -> Validation:
        """Draw into held-out views, which may be none.

        Args:
            held_out: what to draw into.
            strings: views of frames labelled abnormal.
            drawn: share of what is learnt from that is drawn as a whole; with none, none is validated on.
            size: side of a view.
            env: seed and progress.
        """
        rng = np.random.default_rng([env.seed, 1])
        wanted: list[tuple[int, What]] = [(row, "strings") for row in held_out.clear]
        wanted += [(row, "look-alikes") for row in range(len(held_out))]
        tracked = env.track(wanted, "implant-net: drawing for validation", len(wanted))
        scenes = (_drawn_sides(size, (env.seed, 2, number)) for number in range(_SCENES if drawn else 0))
        return cls(
            drawn=tuple(held_out.draw(row, rng, what) for row, what in tracked),
            plain=tuple(held_out.draw(row, rng, "nothing") for row in range(len(held_out))),
            strings=tuple(undrawn(view.plane, view.inside) for view in strings),
            scenes=tuple(side for sides in scenes for side in sides),
        )

    @property
    def chosen_by(self) -> str:
        """The figure that chooses the epoch."""
        return "val_auroc" if self.plain and len(self.strings) >= _ENOUGH else "val_drawn_auroc"
