"""The script that Streamlit runs; its argument is the root."""

import sys
from pathlib import Path

from cs_framework.app.page import show

show(Path(sys.argv[1]))
