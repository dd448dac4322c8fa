"""All errors, under one root, and WireState: the outcomes of an image request.

Every error that this package raises is a PixstoreError. Its text says what happened and what to do. It never contains a
key, a proof or image bytes.
"""

from enum import IntEnum
from typing import ClassVar, Literal


class WireState(IntEnum):
    """The outcome of a request, which is the first byte of every wire payload (docs/wire-format.md, "Payload")."""

    SUCCESS = 0
    UPDATED = 1
    NOT_FOUND = 2
    MISSING_ID = 3
    MISSING_PROOF = 4
    INVALID_PROOF = 5
    INTERNAL_ERROR = 6

    @property
    def label(self) -> str:
        """The state's name in the wire format, such as "InvalidProof"."""
        return "".join(word.capitalize() for word in self.name.split("_")).replace("Id", "ID")


class PixstoreError(Exception):
    """The root of every error that this package raises.

    Attributes:
        http_status: The status to answer if a request caused the error, else 500.
    """

    http_status: ClassVar[int] = 500


class ConfigError(PixstoreError, ValueError):
    """An option has an invalid value. The text names the option and its valid values.

    Remedy: Correct the option. Waiting does not help.
    """


class SecretError(ConfigError):
    """A secret is missing or too short, is in an unsafe file, or is not the one that the store was written with.

    Remedy: Do what the text says. If it names a key id, give the process the secret with that id.
    """


class InputError(PixstoreError, ValueError):
    """An argument of a call is invalid, such as a malformed image id or directory, or data of an unknown type.

    Remedy: Correct the call. If the value came from a client, check it before the call and answer 400.
    """


class RecipientError(InputError):
    """A record can't be sealed to the page: its public key is missing or invalid.

    Remedy: Send the header `Pixstore-Recipient` of the client's `recipientHeaders()`, and pass
    `recipient=recipient_of(request)`.

    Attributes:
        reason: One of missing, not-canonical, point.
    """

    http_status = 400

    def __init__(self, message: str, reason: str = "missing") -> None:
        super().__init__(message)
        self.reason = reason


class InvalidImage(PixstoreError, ValueError):
    """The bytes are not an image of an accepted format, or are empty or truncated. Nothing was stored.

    Remedy: Show the text to the user. It contains no paths and no secrets.
    """

    http_status = 400


class ImageTooLarge(InvalidImage):
    """The image is longer than `max_image_bytes`. Nothing was stored.

    Remedy: Show the text to the user, or raise the option and the limit of the proxy.
    """

    http_status = 413


class UploadTimeout(InvalidImage):
    """The image did not arrive within `upload_timeout_s` or `max_upload_s`. Nothing was stored.

    Remedy: Send it again, or raise the option that the text names.
    """

    http_status = 408


class ImageNotFound(PixstoreError, LookupError):
    """There is no image under this id.

    Remedy: Answer 404. The image was deleted, or the id belongs to another database.
    """

    http_status = 404


class RecordError(PixstoreError, ValueError):
    """A value is not an image record.

    Remedy: Pass the record itself, not the response that contains it.

    Attributes:
        reason: One of shape, id, token, key, sealed, iv, tag, proof.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class WireError(PixstoreError, ValueError):
    """Bytes are not a wire payload.

    Remedy: Pass the whole, unchanged body of an answer to an image request.

    Attributes:
        reason: One of empty, unknown-state, truncated, no-ciphertext, trailing-bytes, token-range.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ProofError(PixstoreError):
    """A proof is refused. Applications do not get this error: `open_payload` answers with the state InvalidProof.

    Attributes:
        reason: One of not-canonical, version, unknown-key, expired, not-yet-valid, epoch, mac, token, audience, sealed.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"the proof is refused: {reason}{detail and f', {detail}'}")
        self.reason = reason


class IntegrityError(PixstoreError):
    """Stored or received bytes fail authentication.

    Remedy: Run `pixstore-asgi verify`, and restore the image from a backup. For unknown-key, give the process the
    secret that the text names.

    Attributes:
        reason: One of unknown-key, wrap, tag, format-byte, no-image.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class StoreError(PixstoreError):
    """The store can't do the operation: it is unreadable, read-only, damaged or closed, or belongs to another
    program.

    Remedy: Look up the text in docs/troubleshooting.md.
    """


class StoreDamaged(StoreError):
    """A part of the store is damaged; other parts may be intact.

    Remedy: Run `pixstore-asgi verify`. It lists the damaged images.
    """


class StoreBusy(StoreError):
    """The store, its bucket or the decoder is busy or can't be reached.

    The operation did nothing, with one exception: if the connection to a database was lost during the commit of a
    write, the write may have happened.

    Remedy: Try again after a second. Answer clients with `detail`: the text is only for the log, because it may name
    hosts and paths.

    Attributes:
        away: The part that can't be reached, if that is the reason.
    """

    http_status = 503
    away: Literal["database", "bucket", "folder"] | None = None

    @property
    def detail(self) -> str:
        """A text for clients, without hosts and paths."""
        return f"the {self.away} can't be reached: try again later" if self.away else "the store is busy: try again"


class StoreFull(StoreError):
    """The disk, the database's server or the bucket has no room left, or its quota is used up. The write changed
    nothing. Reads continue.

    Remedy: Make room; no restart is needed. Answer clients with `detail`: the text is only for the log, because it may
    name hosts and paths.
    """

    http_status = 507

    @property
    def detail(self) -> str:
        """A text for clients, without hosts and paths."""
        return "the server has no room for more images: try again later"


class DirectoryFull(StoreError):
    """The image would exceed the limit that the call gave for its directory. The write changed nothing.

    Remedy: Show `detail` to the user, delete images of the directory, or raise the limit. The text is for the log. The
    status is that of quotas in RFC 4331, section 6.

    Attributes:
        directory: The directory.
        reason: One of images, bytes.
    """

    http_status = 507

    def __init__(self, message: str, directory: str = "", reason: Literal["images", "bytes"] = "bytes") -> None:
        super().__init__(message)
        self.directory = directory
        self.reason = reason

    @property
    def detail(self) -> str:
        """A text for clients, without names of options."""
        if self.reason == "images":
            return "the limit of images is reached: delete some first"
        return "the image needs more space than is left: delete others, or send a smaller one"


class StoreConflict(StoreError):
    """The image was not in the state that the write expected. The write changed nothing.

    Remedy: Read the record again, and let the user decide again.
    """

    http_status = 409


class ImageExists(StoreConflict):
    """There is already an image with the id that the application gave. The write changed nothing.

    Remedy: Update the image, or save under another id.
    """
