"""What a run does: one module for each step of a recipe, and what they share."""
