"""Starting a plugin of one's own."""

from cs_framework.scaffold.project import recipe_with, write_project

__all__ = ["recipe_with", "write_project"]
