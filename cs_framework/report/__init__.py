"""``report.html``: what a run found, one file that needs neither a server nor a network."""
