"""Where the package `onnxruntime` keeps the library that runs models of a guard's policy."""

import re
from importlib.util import find_spec
from pathlib import Path

from ._aispm import set_onnx_runtime

_LIBRARY = re.compile(r"(lib)?onnxruntime(\.\d+)*\.(so(\.\d+)*|dylib|dll)")


def find() -> Path | None:
    """The library, if the package is installed; it is not imported."""
    spec = find_spec("onnxruntime")
    folders = (Path(folder, "capi") for folder in (spec and spec.submodule_search_locations) or ())
    files = (file for folder in folders if folder.is_dir() for file in folder.iterdir())
    return next((file for file in files if _LIBRARY.fullmatch(file.name)), None)


def set_default() -> None:
    if library := find():
        set_onnx_runtime(library)
