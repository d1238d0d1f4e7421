"""``python -m cnnlite`` is the command ``cnnlite``."""

import sys

from cnnlite.cli import main

sys.exit(main())
