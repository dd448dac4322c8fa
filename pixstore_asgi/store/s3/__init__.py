"""Bodies in a bucket of S3, or of another server that speaks the protocol of S3."""

from .bucket import S3Bucket
from .streams import Uploads

__all__ = ["S3Bucket", "Uploads"]
