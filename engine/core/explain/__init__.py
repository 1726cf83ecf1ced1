"""Why something happened, or did not: to a customer, in an SOP."""
