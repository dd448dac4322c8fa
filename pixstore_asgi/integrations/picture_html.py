"""The HTML of a picture in the pages of an admin."""

import json

from markupsafe import Markup

_SCRIPT = """<script type="module">
import { initPixstoreFrontend } from %(index)s;
globalThis.pixstoreAdmin ??= (initPixstoreFrontend({ recordsUrl: %(records)s }), import(%(element)s));
</script>"""


def picture_html(image_id: str, *, records_url: str, images_url: str, width: int) -> Markup:
    """Return the element `<pix-image>` of a picture, and the script that sets up the page once.

    Args:
        image_id: The id of the image.
        records_url: The URL of a RecordsApp, whose rule admits the users of the admin.
        images_url: The URL of the images.
        width: The width in CSS pixels.
    """
    element = Markup('<pix-image src-id="{}" alt="" width="{}"></pix-image>').format(image_id, width)
    urls = {
        "records": records_url,
        "index": f"{images_url}/-/client/index.js",
        "element": f"{images_url}/-/client/element.js",
    }
    return element + Markup(_SCRIPT % {name: _in_script(url) for name, url in urls.items()})  # noqa: S704


def _in_script(text: str) -> str:
    return json.dumps(text).replace("<", "\\u003c")
