"""One file for each framework: import the one for yours. Recipes: docs/recipes.md."""
