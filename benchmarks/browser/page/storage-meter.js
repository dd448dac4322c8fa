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

/** Start to count what is read. */
export function countReads() {
  let bytes = 0;
  const count = (request) => {
    request.addEventListener("success", () => {
      bytes += sizeOf(request.result);
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

/** About how many bytes a value takes: those of its buffers, Blobs and texts, and eight for each number. */
function sizeOf(value) {
  if (typeof value === "string") return value.length;
  if (typeof value === "number") return 8;
  if (value instanceof Blob) return value.size;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return value.byteLength;
  if (value instanceof IDBCursorWithValue) return sizeOf(value.value);
  if (Object(value) !== value) return 0;
  return Object.values(value).reduce((sum, part) => sum + sizeOf(part), 0);
}
