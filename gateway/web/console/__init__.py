"""The console: pages for people, made on the server; everything works without script."""
