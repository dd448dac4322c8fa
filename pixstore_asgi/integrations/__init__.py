"""Integrations, one module for each framework. Import the module for your framework. Recipes: docs/recipes.md."""
