"""HTTP: events in, what became of them out. `app.create_app` puts the routes together, `server.serve` runs them."""
