"""Event names for log processing. Each log call passes one as `extra`, besides its message for people."""

from typing import Any

EVENTS = {
    "image_failed": "The answer was InternalError. The message has the reason.",
    "ciphertext_failed": "A request below `/-/blob/` was answered with 503. The message has the reason.",
    "image_cut_off": "An image was sent only in part: the client was too slow (info; `limit` names the option), or the "
    "store failed (error).",
    "batch_cut_off": "A batch was sent only in part, because the client was too slow. `limit` names the option.",
    "request_refused": "A proof, an id or a token was refused. The message has the reason.",
    "authorize_failed": "The application's `authorize` or `authorize_many` raised (the answer is InternalError), or "
    "returned a wrong type (the answer is 403).",
    "audience_failed": "The application's `audience` raised. All proofs of the request were refused.",
    "ciphertext_url_failed": "The application's `ciphertext_url` raised, or returned no URL. The record has no "
    "`ciphertextUrl`, so this server serves the image.",
    "on_served_failed": "The application's `on_served` raised. The answer was sent.",
    "records_failed": "A RecordsApp answered with 503 (warning) or 500 (error). The message has the reason.",
    "record_lacks_variant": "The row of a variant is damaged. The record was sent without this variant.",
    "answered_503": "`add_error_handlers` answered StoreBusy with 503. The client gets a text without hosts and paths. "
    "Logged at most once in 5 s.",
    "answered_507": "`add_error_handlers` answered StoreFull with 507: make room. The client gets a text without hosts "
    "and paths. Logged at most once in 5 s.",
    "picture_not_deleted": "SessionPictures or Django's PictureField could not delete a picture, or could not ask "
    "which rows name it. If none does, `SessionPictures.unnamed` or `manage.py pixstore_unnamed` finds it.",
    "picture_column_without_index": "Before each deletion of a picture, the database reads the whole table of this "
    "column. Give the column an index.",
    "not_ready": "`/-/ready` answers 503 from now on. `obstacle` is secret or store. Logged once, until `ready_again`.",
    "ready_again": "`/-/ready` answers 200 again.",
    "draining": "SIGTERM arrived, and `drain_s` is set. The server stops in `seconds`.",
    "drain_has_no_effect": "The event loop is not in the main thread, so it gets no signals. Leave "
    "`drain_s` out, or run the server in the main thread.",
    "secrets_kept": "Reading the secrets again failed. The previous secrets stay in use.",
    "proofs_unchecked": "The Pixstore has proof_window_ms=-1: it serves every image to everybody who knows its id.",
    "blobs_not_given": "The store has bodies outside its database, and `blobs` is missing. These images can't be read.",
    "database_migrated": "A SQLite database of schema version 8 or below is migrated. The message has the most space "
    "that this takes.",
    "database_rewritten": "A SQLite database of an early version is rewritten once.",
    "sweep_failed": "`gc` failed; a later write tries again (info). Or `blobs` names another bucket or prefix than the "
    "one with the bodies of this database (error).",
    "upload_not_dropped": "The body of an aborted upload was not marked. A later `gc` removes it.",
    "connection_not_reset": "The application's pool closed a connection that it could not reset. Committed writes are "
    "kept.",
    "upload_parts_left": "Parts of an upload may be left in the bucket. Its lifecycle rule removes them.",
    "mark_not_left": "The next process that opens the database reads its whole file once.",
    "log_not_emptied": "The key of a deleted image stays in the write-ahead log until a later write removes it.",
    "read_again": "A fast read failed. The slower way of reading is used.",
}
"""The meaning of each event, by its name."""


def event(name: str, **fields: Any) -> dict[str, Any]:
    """Return the `extra` of a log call: the name of the event and its fields, as listed in docs/log-events.md."""
    return {"event": name, **fields}
