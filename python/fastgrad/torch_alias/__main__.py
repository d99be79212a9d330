"""``python -m fastgrad.torch_alias SCRIPT [ARGUMENTS]``: the same as ``fastgrad run``."""

import sys

from fastgrad.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
