"""Pictures are turned as browsers turn them: the table that the decoder and the stripper are tested by is theirs."""

import base64

import pytest

from tests.browser.engines.page import Browser, Engine, Page
from tests.browser.support import open_page
from tests.support.oriented import orientation_seen, oriented_pictures
from tests.support.stripping import strip

pytestmark = pytest.mark.browser

SHOW = """async (pictures) => {
    const seen = [];
    for (const [type, data] of pictures) {
        const image = new Image();
        image.src = `data:image/${type};base64,${data}`;
        await image.decode();
        const { naturalWidth: width, naturalHeight: height } = image;
        const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
        context.drawImage(image, 0, 0);
        const corner = (x, y) => [...context.getImageData(x * width, y * height, 1, 1).data.slice(0, 3)];
        seen.push([width, height, [corner(1/4, 1/4), corner(3/4, 1/4), corner(1/4, 3/4), corner(3/4, 3/4)]]);
    }
    return seen;
}"""

# If engines differ, the table has the orientation of two of the three. This is the third, by name or block.
DIFFERENT: dict[str, dict[str, int]] = {
    "chromium": {"twice 9 6": 6, "twice 0 6": 6},
    "firefox": {
        "twice 6 3": 3,
        "twice 1 6": 6,
        "twice 6 1": 1,
        "LONG, then SHORT": 1,
        "count 2, then 1": 1,
        "jpeg mark with another padding": 1,
        "jpeg two empty": 1,
        "jpeg behind XMP": 1,
        "png two damaged": 6,
    },
    "webkit": {"jpeg two none": 6, "jpeg two damaged": 6, "jpeg two LONG": 6},
}


def seen_in(page: Page, engine: str, pictures: dict[str, bytes]) -> dict[str, int]:
    """Return the orientation that each picture is shown in; for WebKitGTK, which turns no other, only of JPEGs."""
    shown = {name: data for name, data in pictures.items() if engine != "webkit" or name.startswith("jpeg")}
    arguments = [[name.split()[0], base64.b64encode(data).decode()] for name, data in shown.items()]
    return {name: orientation_seen(*each) for name, each in zip(shown, page.evaluate(SHOW, arguments), strict=True)}


@pytest.mark.all_engines
def test_pictures_are_turned_as_expected(browser: Browser, engine: Engine) -> None:
    """Each picture of the table is shown in the orientation that stands there, and so is its stripped copy."""
    pictures = oriented_pictures()
    different = DIFFERENT[engine.name]
    came = {name: data for name, (data, _) in pictures.items()}
    stripped = {name: strip(data) for name, data in came.items()}
    with open_page(browser) as page:
        page.goto("about:blank")
        for name, orientation in seen_in(page, engine.name, came).items():
            block = name.partition(" ")[2]
            assert orientation == different.get(name, different.get(block, pictures[name][1])), name
        for name, orientation in seen_in(page, engine.name, stripped).items():
            assert orientation == pictures[name][1], f"{name}, stripped"
