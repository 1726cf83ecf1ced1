"""The language described for machines and readers: JSON Schema and the reference, both made from the models."""
