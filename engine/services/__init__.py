"""One use case a file. Services hold the transactions; what is decided in them stands in `engine.core`."""
