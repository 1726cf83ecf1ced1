"""The way of an event: taken in, matched, planned, sent, told of."""
