"""Commands for those who operate customers."""
