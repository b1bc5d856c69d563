"""Packs wheels anew as small as deflate allows, which is a twentieth smaller: `python repack.py WHEEL...`"""

import sys
import zipfile
from pathlib import Path

import deflate


class Smallest:
    """What `zipfile` takes for a compressor: libdeflate at its highest level, on the whole of a file."""

    def __init__(self) -> None:
        self.data = bytearray()

    def compress(self, data: bytes) -> bytes:
        self.data += data
        return b""

    def flush(self) -> bytes:
        return bytes(deflate.deflate_compress(bytes(self.data), 12))


def repack(path: Path) -> None:
    with zipfile.ZipFile(path) as wheel:
        files = [(info, wheel.read(info)) for info in wheel.infolist()]
    smaller = path.with_suffix(".repacked")
    with zipfile.ZipFile(smaller, "w") as wheel:
        for info, data in files:
            wheel.writestr(info, data, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(smaller) as wheel:
        if [(info.filename, wheel.read(info)) for info in wheel.infolist()] != [(i.filename, d) for i, d in files]:
            smaller.unlink()
            sys.exit(f"{path}: not the same when packed anew")
    print(f"{path}: {path.stat().st_size} -> {smaller.stat().st_size} bytes")
    smaller.replace(path)


# zipfile has no other way to be given a compressor
zipfile._get_compressor = lambda *_: Smallest()  # type: ignore[attr-defined]
for argument in sys.argv[1:]:
    repack(Path(argument))
