/**
 * Writes a row of a table as a line of comma-separated values (RFC 4180). Names are chosen
 * by others, and a text that a spreadsheet would take for a formula gets an apostrophe in front.
 */
export function csvLine(row: readonly (string | number | undefined)[]): string {
  return `${row.map(cell).join(',')}\r\n`
}

function cell(value: string | number | undefined): string {
  if (typeof value !== 'string') return String(value ?? '')
  const text = value.replace(FORMULA, "$1'")
  return /[",;\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/**
 * Where a formula begins: at the start, even behind spaces, and wherever a spreadsheet with other
 * separators than commas (a German one has semicolons) would begin another cell.
 * Wide forms of the characters count as well.
 */
const FORMULA = /(^[ \u00a0\u3000]*|[;\t\r\n|][ \u00a0\u3000]*)(?=[=+\-@\t\r\n＝＋－＠])/g
