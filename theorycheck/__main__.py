"""``python -m theorycheck``."""

import sys

from theorycheck.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
