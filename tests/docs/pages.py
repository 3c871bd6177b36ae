"""The pages of the documentation and the Python in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HOOK_PAGES = {
    kind: DOCS / "hooks" / f"{kind}.md" for kind in ("anomaly_filter", "proposer", "embedder", "scorer")
}


def snippets(page: Path) -> list[str]:
    """The Python blocks of a page, in order."""
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
