"""The pictures of the API: REST framework can be imported only after the settings."""

from pixstore_asgi.integrations.django.rest import RecordField

__all__ = ["RecordField"]
