"""Engines hand units of work to processes, here or elsewhere, and give the answers back in order.

They decide where and when a unit is worked on, never what a component is called with, so results do not
depend on them.
"""

from __future__ import annotations

from importlib.util import find_spec

from cs_framework.errors import SetupError
from cs_framework.pipeline.engines.engine import Engine
from cs_framework.recipe.schema import PipelineSettings

__all__ = ["Engine", "make_engine"]


def make_engine(settings: PipelineSettings) -> Engine:
    """The engine that a recipe names: ``local``, ``dask`` or ``dask:ADDRESS``.

    Raises:
        SetupError: Dask is not installed.
    """
    name, _, address = settings.engine.partition(":")
    if name == "dask":
        if find_spec("distributed") is None:
            raise SetupError(
                'pipeline.engine = "dask": Dask is not installed here: '
                'pip install "cytoplasmic-strings[dask]"'
            )
        from cs_framework.pipeline.engines.dask import DaskEngine

        return DaskEngine(settings.workers, address or None, gpu=settings.device == "cuda")
    from cs_framework.pipeline.engines.local import LocalEngine

    engine = LocalEngine(settings.workers)
    engine.warm_up()
    return engine
