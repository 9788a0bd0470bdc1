"""``python -m tallybrook.entrypoints.cli``."""

import sys

from tallybrook.entrypoints.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
