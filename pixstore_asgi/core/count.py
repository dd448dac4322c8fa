"""Counts of images and variants, and how to print them."""

from typing import NamedTuple

from .ids import is_variant_id


class Count(NamedTuple):
    """A number of images and a number of variants. Its `str` looks like "11 images and 11 variants"."""

    images: int = 0
    variants: int = 0

    @property
    def total(self) -> int:
        """Images and variants together."""
        return self.images + self.variants

    def plus(self, image_id: str) -> "Count":
        """Return the count with this image or variant added."""
        is_variant = is_variant_id(image_id)
        return Count(self.images + (not is_variant), self.variants + is_variant)

    def __str__(self) -> str:
        images = number_of(self.images, "image")
        return f"{images} and {number_of(self.variants, 'variant')}" if self.variants else images


def number_of(count: int, thing: str) -> str:
    """Return "1 image", "1,000 images"."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
