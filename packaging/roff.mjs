// What manual pages are made of (man(7)), and nothing else.

/**
 * Escapes text for a line of its own or a part of one.
 * @param {string} text
 */
export function literal(text) {
  const plain = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('…', '...')
    .replaceAll('§', '\\(sc')
    .replaceAll('–', '\\(en')
    .replaceAll('×', '\\(mu')
  return plain.replaceAll(/^\./gm, '\\&.')
}

/**
 * A paragraph, in which what stands between backticks is bold.
 * @param {string} text
 */
export function paragraph(text) {
  const parts = text.split('`')
  return parts.map((part, i) => (i % 2 === 1 ? `\\fB${literal(part)}\\fR` : literal(part))).join('')
}

/**
 * @param {string} name
 * @param {number} section
 * @param {{ version: string, date: string, title: string }} about
 */
export function head(name, section, { version, date, title }) {
  return `.TH "${literal(name)}" ${section} "${date}" "taciturn ${version}" "${title}"\n`
}

/** @param {string} title */
export function section(title) {
  return `.SH "${title.toUpperCase()}"\n`
}

/** @param {string} title */
export function subsection(title) {
  return `.SS "${literal(title)}"\n`
}

/**
 * A term in bold and what it means.
 * @param {string} term
 * @param {string} text
 */
export function item(term, text) {
  return `.TP\n\\fB${literal(term)}\\fR\n${text}\n`
}

/** @param {string} text */
export function verbatim(text) {
  return `.RS 4\n.nf\n${literal(text)}\n.fi\n.RE\n`
}
