"""One file for each framework; import that of yours. Recipes: docs/recipes.md."""
