"""The conformance kit: what plugin authors, and this project itself, test components with.

`parametrize_components` makes a test of every rule that a component has to keep. The samples are the
inputs that the rules are tried on, for tests of your own; `cs_framework.testing.fixtures` has them as
fixtures, together with a registry that refuses discovery and a runner of recipes.
"""

from cs_framework.steps.outcome import Outcome
from cs_framework.testing.checks import CHECKS, SUITE_VERSION, TOLERANCE, Check
from cs_framework.testing.exercises import ConformanceError
from cs_framework.testing.recipes import RecipeRunner
from cs_framework.testing.samples import (
    SampleWindows,
    sample_batch,
    sample_boxes,
    sample_frames,
    sample_regions,
    sample_table,
    sample_windows,
)
from cs_framework.testing.sources import Source, components_of, look_installed
from cs_framework.testing.suite import (
    ComponentCheck,
    Verdict,
    component_checks,
    parametrize_components,
    run_check,
)

__all__ = [
    "CHECKS",
    "SUITE_VERSION",
    "TOLERANCE",
    "Check",
    "ComponentCheck",
    "ConformanceError",
    "Outcome",
    "RecipeRunner",
    "SampleWindows",
    "Source",
    "Verdict",
    "component_checks",
    "components_of",
    "look_installed",
    "parametrize_components",
    "run_check",
    "sample_batch",
    "sample_boxes",
    "sample_frames",
    "sample_regions",
    "sample_table",
    "sample_windows",
]
