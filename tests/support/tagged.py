"""Pictures of every kind with metadata of every kind in them, as phones, cameras and editors leave them."""

import struct
from functools import cache

from PIL import Image, PngImagePlugin

from .avif_file import avif_file, box, usual_items
from .metadata import (
    AFTER_THE_END,
    IPTC,
    LONG_PROFILE,
    MULTI_PICTURE,
    PROFILE,
    SECRET_WORD,
    THUMBNAIL_JFXX,
    XMP,
    chunk,
    encoded,
    exif,
    frames,
    riff,
    segment,
)

_WORD = SECRET_WORD.encode()


@cache
def tagged_pictures() -> dict[str, bytes]:
    """Return the pictures by name, which begins with their format and a blank or ends there."""
    return {**_jpegs(), **_pngs(), **_gifs(), **_webps(), **_avifs()}


def phone_jpeg(image: Image.Image, **options: object) -> bytes:
    """Return a JPEG with all that a phone, an editor and a messenger have put into it, one after another."""
    plain = encoded("jpeg", [image], dpi=(300, 300), icc_profile=LONG_PROFILE, **options)
    if plain[2:4] == b"\xff\xe0":
        jfif, rest = plain[4 + 2 : 4 + 2 + 12] + b"\x02\x01" + b"\x55" * 6, plain[20:]
        start = segment(0xE0, jfif) + segment(0xE0, THUMBNAIL_JFXX)
    else:
        start, rest = b"", plain[2:]
    added = segment(0xE1, b"Exif\0\0" + exif()) + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)
    added += segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + XMP)
    added += segment(0xE1, b"Exif\0\0" + exif(3)) + segment(0xED, IPTC) + segment(0xE2, MULTI_PICTURE)
    added += segment(0xEB, b"JP\0\1" + _WORD) + segment(0xE5, _WORD) + segment(0xFE, _WORD)
    end = rest.rindex(b"\xff\xd9")
    late = segment(0xFE, _WORD) + segment(0xE1, b"Exif\0\0" + exif(8))
    return plain[:2] + start + added + rest[:end] + late + rest[end:] + AFTER_THE_END


def _transparent(image: Image.Image) -> Image.Image:
    clear = image.copy()
    clear.putalpha(Image.linear_gradient("L").resize(image.size))
    return clear


def _between_scans(jpeg: bytes) -> bytes:
    """Put comments in front of every later scan of a progressive JPEG."""
    first, *scans = jpeg.split(b"\xff\xda")
    return b"\xff\xda".join([first, *(scan + segment(0xFE, _WORD) for scan in scans[:-1]), scans[-1]])


def _jpegs() -> dict[str, bytes]:
    image = frames(1, 96)[0]
    return {
        "jpeg": phone_jpeg(image),
        "jpeg upright": encoded("jpeg", [image], exif=b"Exif\0\0" + exif(1), comment=_WORD),
        "jpeg progressive": phone_jpeg(image, progressive=True),
        "jpeg scans": _between_scans(encoded("jpeg", [image], progressive=True)),
        "jpeg restarts": phone_jpeg(image, restart_marker_blocks=2),
        "jpeg grey": phone_jpeg(image.convert("L")),
        "jpeg cmyk": phone_jpeg(image.convert("CMYK")),
        "jpeg rgb": phone_jpeg(image, keep_rgb=True),
    }


def _pngs() -> dict[str, bytes]:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", SECRET_WORD)
    texts.add_text("Comment", SECRET_WORD, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    options = {"pnginfo": texts, "dpi": (300, 300), "icc_profile": PROFILE}
    image = frames(1, 96)[0]

    def with_chunks(png: bytes, late_exif: bytes = b"") -> bytes:
        end = png.rindex(b"IEND") - 4
        own = chunk(b"tIME", struct.pack(">H5B", 2020, 1, 2, 3, 4, 5)) + chunk(b"prIv", _WORD) + chunk(b"caBX", _WORD)
        return png[:end] + own + late_exif + png[end:] + AFTER_THE_END

    palette = image.quantize(16)
    palette.info["transparency"] = 3
    return {
        "png": with_chunks(encoded("png", [image], exif=exif(), **options)),
        "png late exif": with_chunks(encoded("png", [image], **options), chunk(b"eXIf", exif(3))),
        "png palette": with_chunks(encoded("png", [palette], transparency=3, **options)),
        "png alpha": with_chunks(encoded("png", [_transparent(image)], **options)),
        "png 16 bit": with_chunks(encoded("png", [image.convert("L").convert("I;16")])),
        "png animated": with_chunks(encoded("png", frames(), loop=3, exif=exif())),
    }


def _gif_blocks(data: bytes) -> bytes:
    parts = [data[start : start + 255] for start in range(0, len(data), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def _gifs() -> dict[str, bytes]:
    xmp = b"\x0bXMP DataXMP" + XMP + b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    plain_text = bytes([12]) + struct.pack("<4H4B", 0, 0, 8, 8, 8, 8, 1, 0) + _gif_blocks(_WORD)
    profile = b"!\xff\x0bICCRGBG1012" + _gif_blocks(PROFILE)
    added = b"".join(
        b"!" + label + content
        for label, content in [
            (b"\xff", xmp),
            (b"\xff", b"\x0bMGK8BIM0000" + _gif_blocks(IPTC)),
            (b"\xfe", _gif_blocks(_WORD * 60)),
            (b"\x01", plain_text),
            (b"\x77", _gif_blocks(_WORD)),
        ]
    )

    def with_blocks(gif: bytes) -> bytes:
        start = 13 + (3 << ((gif[10] & 7) + 1) if gif[10] & 0x80 else 0)
        end = gif.rindex(b";")
        return gif[:start] + profile + added + gif[start:end] + added + gif[end:] + AFTER_THE_END

    return {
        "gif": with_blocks(encoded("gif", frames(1), comment=_WORD)),
        "gif animated": with_blocks(encoded("gif", frames(), loop=3, comment=_WORD)),
    }


def webp_chunks(webp: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks of a WebP."""
    found, at = [], 12
    while at < len(webp):
        size = int.from_bytes(webp[at + 4 : at + 8], "little")
        found.append((webp[at : at + 4], webp[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return found


def webp_file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Return a WebP of these chunks."""
    body = b"WEBP" + b"".join(riff(kind, data) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webps() -> dict[str, bytes]:
    options = {"exif": exif(), "xmp": XMP, "icc_profile": PROFILE}
    image = frames(1, 96)[0]

    def with_chunks(webp: bytes) -> bytes:
        marked = [(kind, data + riff(b"note", _WORD) if kind == b"ANMF" else data) for kind, data in webp_chunks(webp)]
        return webp_file([*marked, (b"EXIF", exif(3)), (b"note", _WORD), (b"SGLT", b"")]) + AFTER_THE_END

    return {
        "webp": with_chunks(encoded("webp", [image], **options)),
        "webp upright": with_chunks(encoded("webp", [image], xmp=XMP, exif=exif(1))),
        "webp lossless": with_chunks(encoded("webp", [image], lossless=True, **options)),
        "webp alpha": with_chunks(encoded("webp", [_transparent(image)], **options)),
        "webp plain": encoded("webp", [image]) + AFTER_THE_END,
        "webp animated": with_chunks(encoded("webp", frames(), loop=3, **options)),
    }


def _avifs() -> dict[str, bytes]:
    options = {"exif": exif(), "xmp": XMP, "icc_profile": PROFILE}
    image = frames(1, 96)[0]
    in_file = [item._replace(in_idat=False) for item in usual_items()]
    unknown = box(b"uuid", XMP) + box(b"free", _WORD) + box(b"udta", box(b"name", _WORD))
    return {
        "avif": encoded("avif", [image], **options) + box(b"mpvd", _WORD, AFTER_THE_END),
        "avif alpha": encoded("avif", [_transparent(image)], **options) + AFTER_THE_END,
        # Upright: Pillow's encoder crashes over sequences that are not.
        "avif animated": encoded("avif", frames(), **(options | {"exif": exif(1)})) + AFTER_THE_END,
        "avif items 0": avif_file(in_file, version=0, extra=unknown),
        "avif items 1": avif_file(usual_items(), version=1, open_end=True) + AFTER_THE_END,
        "avif items 2": avif_file(usual_items(), version=2, wide=True, extra=unknown) + AFTER_THE_END,
    }
