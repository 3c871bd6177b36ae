from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import cs_timm


def test_the_record_names_what_exists():
    (record,) = cs_timm.cs_embedders()
    for path, expected in ((record.factory, "timm_embedder"), (record.settings, "TimmSettings")):
        module, _, name = path.partition(":")
        assert getattr(import_module(module), name).__name__ == expected
    assert all(find_spec(needed) for needed in record.needs)


def test_announcing_and_checking_import_nothing_heavy():
    code = "import sys, cs_timm.settings; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(loaded.split()) & {"torch", "timm", "transformers", "numpy", "sklearn", "safetensors"}
