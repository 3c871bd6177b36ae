"""Long trials of the framework, run by hand."""
