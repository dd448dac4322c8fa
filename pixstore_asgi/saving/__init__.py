"""Save images: read the data of the application, check it, encrypt it and store it."""
