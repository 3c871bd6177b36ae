"""The script that Streamlit runs; its arguments are the root, and whether one-file plugins are allowed."""

import sys
from pathlib import Path

from cs_framework.app.page import show

show(Path(sys.argv[1]), programs=sys.argv[2:] == ["--allow-plugins"])
