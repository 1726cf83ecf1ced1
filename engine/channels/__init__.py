"""Ways to customers. Each module holds one type: its config model and its `Channel`; `registry` knows them all."""
