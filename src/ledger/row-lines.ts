/*
 * Rows on their way from the ledger's thread. As objects, all of them would be
 * read at once by the thread that relays; as lines of JSON each is read when
 * it is written to the one who asked.
 */

/** Rows as octets that can be handed to another thread without being copied. */
export function linesOfRows(rows: Iterable<object>): Uint8Array<ArrayBuffer> {
  const text = Array.from(rows, row => `${JSON.stringify(row)}\n`).join('')
  // An array of its own, as small buffers share one.
  return new Uint8Array(Buffer.from(text, 'utf8'))
}

/** The same rows, of which none is made before it is asked for; they can be gone through again. */
export function rowsOfLines<T>(lines: Uint8Array): Iterable<T> {
  const octets = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength)
  return {
    *[Symbol.iterator]() {
      let from = 0
      while (from < octets.length) {
        const to = octets.indexOf(0x0a, from)
        yield JSON.parse(octets.toString('utf8', from, to)) as T
        from = to + 1
      }
    },
  }
}
