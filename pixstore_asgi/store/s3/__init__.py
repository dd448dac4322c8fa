"""Bodies in a bucket of S3 or a server that speaks its protocol."""

from .bucket import S3Bucket
from .streams import Uploads

__all__ = ["S3Bucket", "Uploads"]
