"""Small applications as users of each framework write them. The code for this library is in `pictures.py` of each."""
