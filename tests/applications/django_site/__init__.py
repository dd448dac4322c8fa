"""A museum, an application of Django with REST framework and the admin: staff adds exhibits, members see them."""
