"""Road 2: from free-text reports to standardised findings."""
