"""`python -m roomleft …`: what bin/roomleft runs."""

from roomleft.cli import main

main()
