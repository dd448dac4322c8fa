"""An application of Django whose models have pictures, for the tests."""
