"""The contract between the framework and its components."""
