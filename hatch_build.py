"""Compile the kernels (``src/restore_audio/signal/*.c``) when a wheel is built or a checkout installed.

A wheel gets the library and the platform in its name; an editable install gets it beside its source, where
git ignores it. Where there is no compiler, or what it makes does not run here, the wheel is a pure one that
works by NumPy and SciPy alone. ``python hatch_build.py`` compiles beside the source, for a checkout that is
run from its folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path("src", "restore_audio", "signal")
LIBRARY = "libkernels.dll" if sys.platform == "win32" else "libkernels.so"

# Sums may be reordered, which vectorised sums need; nothing here touches the floating-point state of the
# process, as -ffast-math does.
_SUMS = ("-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math", "-fno-math-errno")
_OPTIONS = ("-std=c99", "-O3", "-funroll-loops", "-fPIC", "-shared", "-fvisibility=hidden", *_SUMS)
_TRIES = (("-DCLONES",), ())
"""The first also compiles for AVX2; compilers for other processors and some C libraries refuse that."""


def sources(root: Path) -> list[Path]:
    """The C sources of the checkout ``root`` and what they include."""
    return sorted(path for path in (root / FOLDER).iterdir() if path.suffix in (".c", ".h"))


def compiled(root: Path, target: Path) -> bool:
    """Compile the kernels of the checkout ``root`` to ``target``; whether that worked and the result runs."""
    # library.py computes the same sum, and uses no library of another source.
    files = sources(root)
    text = b"".join(path.read_bytes().replace(b"\r\n", b"\n") for path in files)
    known = f"-DSOURCE_SUM={zlib.crc32(text)}u"
    compiled_files = [str(path) for path in files if path.suffix == ".c"]
    for compiler in _compilers():
        for more in _TRIES:
            command = [*compiler, *_OPTIONS, known, *more, "-o", str(target), *compiled_files]
            done = subprocess.run(command, capture_output=True, check=False)
            if done.returncode == 0 and _runs(target):
                return True
    target.unlink(missing_ok=True)
    return False


def _compilers() -> Iterator[list[str]]:
    for words in (os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc", "gcc", "clang"):
        if words and shutil.which(words.split()[0]):
            yield words.split()


def _runs(library: Path) -> bool:
    """Try it in a process of its own: 4 x = 8."""
    code = (
        "import ctypes, sys; one = ctypes.c_double * 2; x = one();"
        "done = ctypes.CDLL(sys.argv[1]).toeplitz_solve(one(4.0), one(8.0), ctypes.c_long(1), x, one());"
        "sys.exit(not (done == 1 and x[0] == 2.0))"
    )
    return (
        subprocess.run(
            [sys.executable, "-c", code, str(library)], capture_output=True, check=False
        ).returncode
        == 0
    )


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a script
    pass
else:

    class CompileKernels(BuildHookInterface[Any]):
        """Adds the library to the wheel, or to the checkout that is installed editable."""

        PLUGIN_NAME = "custom"

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Compile, and say where the library goes."""
            root = Path(self.root)
            if self.target_name != "wheel":
                return
            if version == "editable":
                compiled(root, root / FOLDER / LIBRARY)
                return
            self._folder = tempfile.TemporaryDirectory(prefix="kernels-")
            library = Path(self._folder.name, LIBRARY)
            if compiled(root, library):
                build_data["force_include"][str(library)] = f"restore_audio/signal/{LIBRARY}"
                build_data["pure_python"] = False
                build_data["tag"] = f"py3-none-{_platform()}"

        def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
            """Remove what the wheel now holds."""
            if folder := getattr(self, "_folder", None):
                folder.cleanup()

    def _platform() -> str:
        """The platform as wheels name it; not manylinux, which promises old C libraries."""
        from packaging.tags import platform_tags

        return next(tag for tag in platform_tags() if not tag.startswith(("manylinux", "musllinux")))


if __name__ == "__main__":
    sys.exit(not compiled(Path(__file__).parent, Path(__file__).parent / FOLDER / LIBRARY))
