/** Counts the bytes that go into and come out of IndexedDB in this page, behind the back of whoever uses it. */

/** Start to count what is written; the result tells how many bytes so far. */
export function countWrites() {
  let bytes = 0;
  for (const name of ["put", "add"]) {
    const real = IDBObjectStore.prototype[name];
    IDBObjectStore.prototype[name] = function (value, ...key) {
      bytes += sizeOf(value);
      return real.call(this, value, ...key);
    };
  }
  return () => bytes;
}

/** Start to count the bytes of images that are read; what else is in an entry is none. */
export function countReads() {
  let bytes = 0;
  const count = (request) => {
    request.addEventListener("success", () => {
      bytes += imageBytes(request.result);
    });
    return request;
  };
  for (const { prototype } of [IDBObjectStore, IDBIndex]) {
    for (const name of ["get", "getAll", "openCursor"]) {
      const real = prototype[name];
      prototype[name] = function (...query) {
        return count(real.apply(this, query));
      };
    }
  }
  return () => bytes;
}

/** About how many bytes a value takes: those of its images and texts, and eight for each number. */
const sizeOf = (value) => sum(value, (part) => (typeof part === "number" ? 8 : (part.length ?? 0)));

const imageBytes = (value) => sum(value, () => 0);

/** Add up the bytes of the buffers and Blobs in a value, and what `otherwise` finds in its primitives. */
function sum(value, otherwise) {
  if (value instanceof Blob) return value.size;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return value.byteLength;
  if (value instanceof IDBCursorWithValue) return sum(value.value, otherwise);
  if (value === undefined || value === null) return 0;
  if (Object(value) !== value) return otherwise(value);
  return Object.values(value).reduce((total, part) => total + sum(part, otherwise), 0);
}
