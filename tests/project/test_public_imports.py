"""The import paths that applications use: documented once, they work for good."""

from importlib import import_module

import pytest

PUBLIC = {
    "pixstore_asgi": (
        "ConfigError ImageNotFound ImageRecord ImageTooLarge InvalidImage Payload PayloadResponse Pixstore PixstoreApp "
        "PixstoreError PixstoreMiddleware RecordsApp StoreConflict StoreError WireError WireState "
        "__version__ decode_payload recipient_of"
    ),
    "pixstore_asgi.errors": (
        "ConfigError DirectoryFull ImageExists ImageNotFound ImageTooLarge InputError IntegrityError InvalidImage "
        "PixstoreError ProofError RecipientError RecordError SecretError StoreBusy StoreConflict StoreError "
        "StoreFull UploadTimeout WireError WireState"
    ),
    "pixstore_asgi.core.recipient": "Recipient",
    "pixstore_asgi.store.contract": "CHUNK_BYTES Expect Expected ImageStore ImageStream ImageWriter",
    "pixstore_asgi.store.contract_tests": "SharedStoreContract StoreContract",
    "pixstore_asgi.store.sqlite": "Durability SqliteStore",
    "pixstore_asgi.store.memory": "MemoryStore",
    "pixstore_asgi.sync": "SyncImageData SyncPayload SyncPixstore SyncReader",
    "pixstore_asgi.integrations.starlette": "add_error_handlers records_response",
    "pixstore_asgi.integrations.fastapi": (
        "ImageUpload PageRecipient ProofHeaders SentProof add_error_handlers no_store payload_docs records_response "
        "upload_docs"
    ),
    "pixstore_asgi.integrations.django": (
        "MemoryUploadHandler PictureAdminMixin PictureField PictureInput PixstoreErrors PixstoreStorage audience_of "
        "get_asgi_application get_pixstore page_records picture_column pixstore_application"
    ),
    "pixstore_asgi.integrations.sqladmin": "PictureView",
    "pixstore_asgi.integrations.sqlalchemy": "NewPicture PictureType SessionPictures",
    "pixstore_asgi.integrations.django.rest": "RecordField",
    "pixstore_asgi.integrations.litestar": "ImageUpload PageRecipient PixstorePlugin no_store",
    "pixstore_asgi.integrations.flask": "add_error_handlers add_pixstore image_upload no_store",
    "pixstore_asgi.integrations.quart": "add_error_handlers add_pixstore image_upload no_store",
    "pixstore_asgi.integrations.starlette_admin": "PictureField",
    "pixstore_asgi.integrations.opentelemetry": "PixstoreTracing",
    "pixstore_asgi.integrations.prometheus": "PrometheusMetrics",
    "pixstore_asgi.transfer": "import_plain_file import_plain_image plain_image_id",
    "pixstore_asgi.transfer.django": "fill_pictures",
    "pixstore_asgi.transfer.sync": "import_plain_file import_plain_image",
    "pixstore_asgi.cli": "main",
    "pixstore_asgi.testing": "SAMPLES SECRET FixedClock MemoryPixstore NoImage SealedPage image_in proof_headers",
    "pixstore_asgi.testing.fixtures": "pixstore pixstore_clock pixstore_options",
}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_import_paths_work(module: str) -> None:
    """Every name that README, the documents and applications import is where they find it."""
    there = import_module(module)
    for name in PUBLIC[module].split():
        assert hasattr(there, name), name
