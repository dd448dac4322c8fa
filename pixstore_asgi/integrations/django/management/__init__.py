"""The commands of the application, below `manage.py`."""
