"""What one framework each can have easier; import the file of yours. Recipes: docs/recipes.md."""
