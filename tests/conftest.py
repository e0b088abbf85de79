"""Before the suite: the compiled kernels, as an installation has them, of the source that is tested."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
import hatch_build  # noqa: E402

_library = ROOT / hatch_build.FOLDER / hatch_build.LIBRARY
_changed = max(path.stat().st_mtime for path in hatch_build.sources(ROOT))
if not _library.exists() or _library.stat().st_mtime < _changed:
    hatch_build.compiled(ROOT, _library)
