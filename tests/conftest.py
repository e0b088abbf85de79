"""Before the suite: the compiled kernels, as an installation has them, of the source that is tested."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
import hatch_build  # noqa: E402

_source = ROOT / hatch_build.SOURCE
_library = _source.with_name(hatch_build.LIBRARY)
if not _library.exists() or _library.stat().st_mtime < _source.stat().st_mtime:
    hatch_build.compiled(ROOT, _library)
