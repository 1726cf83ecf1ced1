"""Commands for those who write SOPs."""
