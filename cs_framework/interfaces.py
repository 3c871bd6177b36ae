"""The contract under its former name; `cs_framework.api` holds it."""

from cs_framework.api.components import *  # noqa: F403
from cs_framework.api.frames import *  # noqa: F403
from cs_framework.deprecation import deprecated

deprecated("the module cs_framework.interfaces", instead="from cs_framework import ...", gone_in="0.4.0")
