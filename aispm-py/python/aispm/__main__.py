"""The `aispm` command: the same code as the Rust binary."""

import signal
import sys

from ._aispm import run_cli


def main() -> int:
    # the native code runs to its end before Python could see the interrupt
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return run_cli(["aispm", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
