"""`python -m roomleft …`: what bin/roomleft runs."""

import sys

try:
    from roomleft.cli import main

    main()
except KeyboardInterrupt:  # before or after typer watches for it: while modules are read, and while the process ends
    sys.exit(130)
