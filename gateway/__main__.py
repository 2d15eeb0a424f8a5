"""`python -m gateway` is `adt-gateway`."""

from gateway.cli import main

main()
