"""`python -m scgsr`: the command line."""

from scgsr.cli import main

main()
