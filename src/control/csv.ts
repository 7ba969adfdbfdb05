/**
 * Writes a row of a table as a line of comma-separated values (RFC 4180). A text
 * that a spreadsheet would take for a formula gets an apostrophe in front, since
 * names of homeservers are chosen by others.
 */
export function csvLine(row: readonly (string | number)[]): string {
  return `${row.map(cell).join(',')}\r\n`
}

function cell(value: string | number): string {
  if (typeof value === 'number') return String(value)
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
