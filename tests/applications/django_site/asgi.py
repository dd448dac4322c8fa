"""The ASGI application of the museum."""

import os

from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.applications.django_site.settings")

from .pictures import get_asgi_application, may_see, pixstore_application

django = ASGIStaticFilesHandler(get_asgi_application())
application = pixstore_application(django, authorize_many=may_see)
