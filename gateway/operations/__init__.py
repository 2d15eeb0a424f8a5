"""The use cases that console, API and command line share; each is one transaction with its audit record."""
