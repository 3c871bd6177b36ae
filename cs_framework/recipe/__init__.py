"""Recipes: reading, checking and resolving them."""

from cs_framework.recipe.loading import Choice, LoadedRecipe, components_to_dict, load_recipe, read_recipe
from cs_framework.recipe.schema import ComponentUse, Recipe

__all__ = [
    "Choice",
    "ComponentUse",
    "LoadedRecipe",
    "Recipe",
    "components_to_dict",
    "load_recipe",
    "read_recipe",
]
