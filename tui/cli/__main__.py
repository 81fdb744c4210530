"""`python -m tui.cli` is `backfill-tui`."""

import sys

from tui.cli import main

sys.exit(main())
