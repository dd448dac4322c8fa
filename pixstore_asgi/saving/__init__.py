"""Saves images: reads the application's data, checks it, encrypts it and stores it."""
