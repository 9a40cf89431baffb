"""`python -m kinject` is the same program as `kinject`."""

from kinject.cli.app import main

main()
