"""How things look in a terminal, as a page, as JSON."""
