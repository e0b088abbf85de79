"""What SECURITY.md promises, as far as it can be read from the source and the files that ship."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from restore_audio.archive import on_ray
from restore_audio.data.download import ARCHIVES, FMA_ADDRESS
from restore_audio.network.shipped import models_dir

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "src" / "restore_audio").rglob("*.py"))

RUNS_WHAT_IS_READ = {
    *("eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "pickle.Unpickler"),
    *("marshal.load", "marshal.loads", "shelve.open", "dill.load", "joblib.load", "torch.load", "yaml.load"),
    *("torch.hub.load", "torch.jit.load", "os.system", "os.popen", "subprocess.getoutput", "runpy.run_path"),
}
CONNECTS = {
    "requests",
    "urllib",
    "urllib3",
    "http",
    "socket",
    "ssl",
    "ftplib",
    "aiohttp",
    "httpx",
    "asyncio",
    "ray",
}

LISTENS = {"uvicorn", "starlette", "http.server", "socketserver"}


def trees() -> Iterator[tuple[str, ast.AST]]:
    for path in SOURCES:
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def test_nothing_that_is_read_is_run() -> None:
    found = []
    for name, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            if called(node) in RUNS_WHAT_IS_READ:
                found.append((name, node.lineno, called(node)))
            for keyword in node.keywords:
                value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                if (keyword.arg in ("shell", "allow_pickle") and value is not False) or (
                    keyword.arg == "weights_only" and value is not True
                ):
                    found.append((name, node.lineno, f"{called(node)}({keyword.arg})"))
    assert len(SOURCES) > 50
    assert found == []


def test_arrays_are_read_without_pickle() -> None:
    loads = [
        (name, node.lineno)
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node) in ("np.load", "numpy.load")
        if not any(k.arg == "allow_pickle" for k in node.keywords)
    ]
    import inspect

    import numpy as np

    assert not loads or inspect.signature(np.load).parameters["allow_pickle"].default is False


def test_only_the_download_can_connect_and_only_the_review_listens() -> None:
    found, listens = set(), set()
    for name, tree in trees():
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            names = [imported for imported in names if imported != "urllib.parse"]  # which only takes apart
            if any(imported.split(".")[0] in CONNECTS for imported in names):
                found.add(name)
            if any(imported.split(".")[0] in LISTENS for imported in names):
                listens.add(name)
    package = "src/restore_audio"
    assert found <= {f"{package}/data/download.py", f"{package}/cli/data.py", f"{package}/archive/on_ray.py"}
    assert listens == {f"{package}/review/server.py"}


def test_ray_sends_no_statistics() -> None:
    text = (ROOT / "src/restore_audio/archive/on_ray.py").read_text(encoding="utf-8")
    assert on_ray._ENVIRONMENT["RAY_USAGE_STATS_ENABLED"] == "0"
    assert text.index("in _ENVIRONMENT.items()") < text.index("        import ray\n")


def test_everything_that_is_fetched_has_its_sum() -> None:
    assert FMA_ADDRESS.startswith("https://")
    assert ARCHIVES
    assert all(re.fullmatch(r"[0-9a-f]{40}", archive.sha1) for archive in ARCHIVES.values())


def test_shipped_weights_have_the_sums_that_are_written_down() -> None:
    lines = (models_dir() / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name.lstrip("*"): digest for digest, name in (line.split() for line in lines if line.strip())}
    shipped = sorted(path.name for path in models_dir().glob("*.safetensors"))
    assert shipped
    for name in shipped:
        assert hashlib.sha256((models_dir() / name).read_bytes()).hexdigest() == sums[name], name


@pytest.mark.parametrize("name", ["SECURITY.md"])
def test_the_tests_that_hold_the_promises_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/\w+\.py)`", text)) | {
        module.replace(".", "/") + ".py" for module in re.findall(r"python -m (tests\.\w+)", text)
    }
    assert len(named) >= 6
    assert all((ROOT / path).is_file() for path in named)
