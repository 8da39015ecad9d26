"""``python -m mynah``: the command line."""

from mynah.cli import main

main()
