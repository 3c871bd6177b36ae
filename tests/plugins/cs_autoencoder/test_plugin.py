from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import cs_autoencoder
from cs_autoencoder.settings import Settings
from cs_framework import AnomalyFilter, Env


def test_the_record_leads_to_a_filter():
    (record,) = cs_autoencoder.cs_anomaly_filters()
    module, name = record.settings.split(":")
    assert getattr(import_module(module), name) is Settings
    module, name = record.factory.split(":")
    assert isinstance(getattr(import_module(module), name)(Settings(), Env()), AnomalyFilter)


def test_plugin_and_settings_import_nothing_heavy():
    code = "import sys, cs_autoencoder.settings; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"cv2", "numpy", "safetensors", "sklearn", "torch"} & set(loaded.split())
