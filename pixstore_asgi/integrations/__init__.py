"""Integrations, one file for each framework. Import the file for your framework. Recipes: docs/recipes.md."""
