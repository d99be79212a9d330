"""``python -m fastgrad.torch_alias SCRIPT [ARGUMENTS]``: the same as ``fastgrad run``."""

import sys

from fastgrad.torch_alias.run import run_or_complain

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m fastgrad.torch_alias FILE [ARGUMENT ...]")
    sys.exit(run_or_complain(sys.argv[1], sys.argv[2:]))
