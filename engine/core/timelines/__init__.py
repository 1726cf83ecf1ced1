"""One customer's run through one SOP: its times, states and touches."""
