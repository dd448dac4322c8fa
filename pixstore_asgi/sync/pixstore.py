"""SyncPixstore: the methods of Pixstore for code that is not async."""

from collections.abc import Callable, Coroutine, Iterable
from functools import update_wrapper
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from ..core.hidden import hidden_text
from ..core.images import Seal
from ..core.recipient import Recipient
from ..core.record import ImageRecord
from ..decoding.task import Focus
from ..pixstore import Pixstore
from ..saving.options import OnProgress
from ..saving.source import viewed
from ..serving.payload import Payload
from .calls import Call, SyncImageData
from .payload import SyncPayload

P = ParamSpec("P")
T = TypeVar("T")


class Blocking(Generic[P, T]):
    """A method of SyncPixstore that calls a method of Pixstore with the same arguments, and waits for its result."""

    def __init__(self, method: Callable[Concatenate[Pixstore, P], Coroutine[Any, Any, T]]) -> None:
        self.__name__, self.__doc__ = method.__name__, method.__doc__

    @overload
    def __get__(self, images: None, owner: object = None) -> Self: ...
    @overload
    def __get__(self, images: "SyncPixstore", owner: object = None) -> Callable[P, T]: ...
    def __get__(self, images: "SyncPixstore | None", owner: object = None) -> Self | Callable[P, T]:
        if images is None:
            return self
        method: Callable[P, Coroutine[Any, Any, T]] = getattr(images.pixstore, self.__name__)

        def wait(*args: P.args, **kwargs: P.kwargs) -> T:
            call = Call[T]()
            coroutine = call.of(method, *args, **kwargs)
            del args, kwargs  # an argument may be a proof or a key, see core/hidden.py
            return call.run(coroutine)

        return update_wrapper(wait, method)


class SyncPixstore:
    """The methods of a Pixstore for code that is not async: `def` routes, Django, Celery, scripts, notebooks.

    Methods have the same names, arguments, results and errors. `with` opens and closes the store. A call waits for its
    result: in a worker thread of a running application on the application's event loop, otherwise on one event loop in
    the background, which the process starts at its first call and ends at its end. It may be called in any number of
    threads, and after a fork. Callbacks and image data run in the calling thread. An exception that interrupts the
    thread, such as KeyboardInterrupt, cancels the call.

    Args:
        pixstore: The Pixstore that is called.
    """

    def __init__(self, pixstore: Pixstore) -> None:
        self.pixstore = pixstore

    open = Blocking(Pixstore.open)
    close = Blocking(Pixstore.close)
    ping = Blocking(Pixstore.ping)
    reload_secrets = Blocking(Pixstore.reload_secrets)
    save_image_from_file = Blocking(Pixstore.save_image_from_file)
    update_image_from_file = Blocking(Pixstore.update_image_from_file)
    delete_image = Blocking(Pixstore.delete_image)
    revoke = Blocking(Pixstore.revoke)
    reseal_image = Blocking(Pixstore.reseal_image)
    key_status = Blocking(Pixstore.key_status)
    rewrap_keys = Blocking(Pixstore.rewrap_keys)
    retire_key = Blocking(Pixstore.retire_key)
    image_exists = Blocking(Pixstore.image_exists)
    get_image_record = Blocking(Pixstore.get_image_record)
    read_image = Blocking(Pixstore.read_image)
    export_image = Blocking(Pixstore.export_image)
    export_variants = Blocking(Pixstore.export_variants)
    list_images = Blocking(Pixstore.list_images)
    usage = Blocking(Pixstore.usage)

    def save_image(
        self,
        data: SyncImageData,
        *,
        directory: str | None = None,
        image_id: str | None = None,
        strip_metadata: bool | None = None,
        focus: Focus | None = None,
        on_progress: OnProgress | None = None,
        max_directory_bytes: int | None = None,
        max_directory_images: int | None = None,
        connection: object = None,
        recipient: Recipient | None = None,
    ) -> ImageRecord:
        """Encrypt and store a new image, as `Pixstore.save_image` does.

        Args:
            data: Bytes, an iterator of bytes, or a file in binary mode. Also the async data of Pixstore, such as a
                FastAPI route's ImageUpload.
            directory: As in `Pixstore.save_image`.
            image_id: As in `Pixstore.save_image`.
            strip_metadata: As in `Pixstore.save_image`.
            focus: As in `Pixstore.save_image`.
            on_progress: As in `Pixstore.save_image`.
            max_directory_bytes: As in `Pixstore.save_image`.
            max_directory_images: As in `Pixstore.save_image`.
            connection: As in `Pixstore.save_image`. It must belong to the event loop of the call.
            recipient: As in `Pixstore.save_image`.

        Returns:
            The record of the image, with a fresh proof.
        """
        data, call = viewed(data), Call[ImageRecord]()
        return call.run(
            call.of(
                self.pixstore.save_image,
                call.source(data),
                directory=directory,
                image_id=image_id,
                strip_metadata=strip_metadata,
                focus=focus,
                on_progress=on_progress,
                max_directory_bytes=max_directory_bytes,
                max_directory_images=max_directory_images,
                connection=connection,
                recipient=recipient,
            )
        )

    def update_image(
        self,
        image_id: str,
        data: SyncImageData,
        *,
        if_token: int | None = None,
        strip_metadata: bool | None = None,
        focus: Focus | None = None,
        on_progress: OnProgress | None = None,
        max_directory_bytes: int | None = None,
        max_directory_images: int | None = None,
        connection: object = None,
        recipient: Recipient | None = None,
    ) -> ImageRecord:
        """Replace an image by a new version, as `Pixstore.update_image` does.

        Args:
            image_id: The id of the image.
            data: As in `save_image`.
            if_token: Replace only the version with this token.
            strip_metadata: As in `Pixstore.save_image`.
            focus: As in `Pixstore.save_image`.
            on_progress: As in `Pixstore.save_image`.
            max_directory_bytes: As in `Pixstore.save_image`.
            max_directory_images: As in `Pixstore.save_image`.
            connection: As in `save_image`.
            recipient: As in `Pixstore.save_image`.

        Returns:
            The new record, with a fresh proof.
        """
        data, call = viewed(data), Call[ImageRecord]()
        return call.run(
            call.of(
                self.pixstore.update_image,
                image_id,
                call.source(data),
                if_token=if_token,
                strip_metadata=strip_metadata,
                focus=focus,
                on_progress=on_progress,
                max_directory_bytes=max_directory_bytes,
                max_directory_images=max_directory_images,
                connection=connection,
                recipient=recipient,
            )
        )

    def import_image(
        self,
        image_id: str,
        data: SyncImageData,
        *,
        token: int,
        seal: Seal | None = None,
        if_token: int | None = None,
        max_directory_bytes: int | None = None,
        max_directory_images: int | None = None,
        recipient: Recipient | None = None,
    ) -> ImageRecord:
        """Store an image that keeps its id and token from another store, as `Pixstore.import_image` does.

        Args:
            image_id: As in `Pixstore.import_image`.
            data: As in `save_image`.
            token: As in `Pixstore.import_image`.
            seal: As in `Pixstore.import_image`.
            if_token: As in `Pixstore.import_image`.
            max_directory_bytes: As in `Pixstore.save_image`.
            max_directory_images: As in `Pixstore.save_image`.
            recipient: As in `Pixstore.save_image`.

        Returns:
            The record of the image, with a fresh proof.
        """
        data, call = viewed(data), Call[ImageRecord]()
        return call.run(
            call.of(
                self.pixstore.import_image,
                image_id,
                call.source(data),
                token=token,
                seal=seal,
                if_token=if_token,
                max_directory_bytes=max_directory_bytes,
                max_directory_images=max_directory_images,
                recipient=recipient,
            )
        )

    def get_image_records(
        self, image_ids: Iterable[str], *, audience: str | None = None, recipient: Recipient | None = None
    ) -> dict[str, ImageRecord]:
        """Return fresh records of several images with one query, as `Pixstore.get_image_records` does.

        Args:
            image_ids: The ids of the images, also a query of an ORM, which runs in the calling thread.
            audience: As in `get_image_record`.
            recipient: As in `get_image_record`.

        Returns:
            The records of the images that exist, by id, in the order of the ids.
        """
        call, ids = Call[dict[str, ImageRecord]](), image_ids if isinstance(image_ids, str) else list(image_ids)
        return call.run(self.pixstore.get_image_records(ids, audience=audience, recipient=recipient))

    def open_payload(
        self,
        image_id: str | None,
        *,
        token: int | str | None = None,
        proof: str | None = None,
        audience: str | None = None,
    ) -> SyncPayload:
        """Answer one image request, as `Pixstore.open_payload` does. Read the payload to its end or close it.

        Args:
            image_id: As in `Pixstore.open_payload`.
            token: As in `Pixstore.open_payload`.
            proof: As in `Pixstore.open_payload`.
            audience: As in `Pixstore.open_payload`.

        Returns:
            The payload, whose pieces any thread may read.
        """
        call, proof = Call[Payload](), hidden_text(proof)
        payload = call.run(self.pixstore.open_payload(image_id, token=token, proof=proof, audience=audience))
        assert call.loop is not None
        return SyncPayload(payload, call.loop)

    @property
    def checks_proofs(self) -> bool:
        """Whether `open_payload` checks proofs, as in `Pixstore.checks_proofs`."""
        return self.pixstore.checks_proofs

    @property
    def media_types(self) -> tuple[str, ...]:
        """The media types of the accepted images, as in `Pixstore.media_types`."""
        return self.pixstore.media_types

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
