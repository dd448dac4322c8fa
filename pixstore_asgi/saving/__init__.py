"""Images on their way in: taken from whatever an application passes, checked, encrypted and stored."""
