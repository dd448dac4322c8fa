"""`{% load pixstore %}`: the tags `pix_image`, `pix_image_url` and `pixstore_scripts`."""

from typing import Any

from django import template
from django.template.context import Context
from django.utils.safestring import SafeString

from ....asgi.client_files import IMAGE_URLS
from ..elements import RECORDS_IN_CONTEXT, id_of, picture_element, script_elements
from ..page import mount_url

register = template.Library()


@register.simple_tag(takes_context=True)
def pix_image(context: Context, picture: Any, **attributes: Any) -> SafeString:
    """Render a picture: `{% pix_image photo.picture width=160 alt=photo.title %}`.

    The page needs `{% pixstore_scripts %}` too. The tag reads nothing from the store. If the context has a sealed
    record of the picture in `pixstore_records`, the element has this record, else it has the id.

    Args:
        context: The template's context.
        picture: The value of a field with a picture, the id of an image, or a record.
        attributes: Attributes of `<pix-image>`. An underscore in a name becomes a hyphen.
    """
    return picture_element(picture, attributes, context.get(RECORDS_IN_CONTEXT))


@register.simple_tag
def pix_image_url(picture: Any) -> str:
    """Return the address of a picture for a plain `<img>`: `<img src="{% pix_image_url photo.picture %}">`.

    The service worker answers it. The page must have registered the worker.

    Args:
        picture: As in `pix_image`.
    """
    image_id = id_of(picture)
    return f"{mount_url()}{IMAGE_URLS}{image_id}" if image_id else ""


@register.simple_tag(takes_context=True)
def pixstore_scripts(context: Context) -> SafeString:
    """Render the two module scripts of a page with pictures.

    They have the nonce of the page's Content-Security-Policy if there is one: `csp_nonce` of the context, as of
    Django 6, or of the request, as of django-csp.

    Args:
        context: The template's context.
    """
    nonce = context.get("csp_nonce")
    if nonce is None:  # Django's nonce is false until its text is read
        nonce = getattr(context.get("request"), "csp_nonce", None)
    return script_elements("" if nonce is None else str(nonce))
