// turnserver.json(5), from the schema that editors use.

import { readFileSync } from 'node:fs'
import { head, item, paragraph, section, verbatim } from '../roff.mjs'

/**
 * @typedef {{ description?: string, type?: string, default?: unknown, enum?: unknown[], examples?: unknown[],
 *   properties?: Record<string, Schema>, items?: Schema, anyOf?: Schema[] }} Schema
 */

/** What the page says besides what the schema says of each key. */
const WORDS = {
  en: {
    title: 'File Formats',
    name: 'Name',
    what: 'configuration of the TURN relay taciturn',
    description: 'Description',
    about:
      'JSON with comments; a comma after the last entry is allowed. Durations have a unit ("90s", "1h"), and so do rates ("2 Mbit/s", "unlimited"). An unknown key, or a value that makes no sense, keeps the relay from starting: `taciturn validate` says where and how to fix it, and `taciturn validate --effective` what is in force. A reload reads the file again under live calls, and says what needs a restart.',
    example: 'Example',
    output: 'output of',
    keys: 'Keys',
    oneOf: 'One of',
    byDefault: 'Default',
    files: 'Files',
    everyKey: 'Every key with its default and the reason for it.',
    seeAlso: 'See also',
  },
  de: {
    title: 'Dateiformate',
    name: 'Bezeichnung',
    what: 'Konfiguration des TURN-Relays taciturn',
    description: 'Beschreibung',
    about:
      'JSON mit Kommentaren; ein Komma nach dem letzten Eintrag ist erlaubt. Zeiten haben eine Einheit ("90s", "1h"), Raten auch ("2 Mbit/s", "unlimited"). Mit einem unbekannten Schlüssel oder einem sinnlosen Wert startet das Relay nicht: `taciturn validate` sagt, wo und wie das zu beheben ist, und `taciturn validate --effective`, was gilt. Ein Neuladen liest die Datei während laufender Anrufe und sagt, was einen Neustart verlangt.',
    example: 'Beispiel',
    output: 'Ausgabe von',
    keys: 'Schlüssel',
    oneOf: 'Eines von',
    byDefault: 'Vorgabe',
    files: 'Dateien',
    everyKey: 'Jeder Schlüssel mit seiner Vorgabe und dem Grund dafür (englisch).',
    seeAlso: 'Siehe auch',
  },
}

/** In German, what each key is for, by its path; the schema has it in English. */
const KEYS = JSON.parse(readFileSync(new URL('keys.de.json', import.meta.url), 'utf8'))

/**
 * Writes the page.
 * @param {Schema} schema
 * @param {{ version: string, date: string }} about
 * @param {'en' | 'de'} language
 */
export function settingsPage(schema, about, language) {
  const words = WORDS[language]
  let page = head('TURNSERVER.JSON', 5, { ...about, title: words.title })
  page += `${section(words.name)}turnserver.json \\- ${words.what}\n`
  page += `${section(words.description)}${paragraph(words.about)}\n`
  page += `${section(words.example)}${verbatim(EXAMPLE.replace('…', `${words.output}: openssl rand -hex 32`))}`
  page += section(words.keys)
  for (const { path, schema: key } of keys(schema, '')) {
    const said = language === 'de' ? KEYS[path] : key.description
    if (said === undefined) throw new Error(`${path} is not described in German: packaging/man/keys.de.json`)
    page += item(path, paragraph(describe(key, said, words)))
  }
  page += `${section(words.files)}.I /usr/share/doc/taciturn/turnserver.example.json\n.RS\n${words.everyKey}\n.RE\n`
  page += `${section(words.seeAlso)}.BR taciturn (1)\n`
  return page
}

const EXAMPLE = `{
  "realm": "turn.example.org",
  "tls": {
    "certificate": "/etc/taciturn/fullchain.pem",
    "key": "/etc/taciturn/privkey.pem",
  },
  "homeservers": [{ "name": "example.org", "secrets": ["…"] }],
}`

/**
 * All keys below a schema that are described, as `relay.ports` and `homeservers[].name`.
 * @param {Schema} schema
 * @param {string} path
 * @returns {{ path: string, schema: Schema }[]}
 */
export function keys(schema, path) {
  const found = []
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`
    if (inner.description || inner.enum) found.push({ path: at, schema: inner })
    for (const branch of [inner, ...(inner.anyOf ?? [])]) {
      found.push(...keys(branch, at))
      const items = branch.items
      for (const one of items ? [items, ...(items.anyOf ?? [])] : []) found.push(...keys(one, `${at}[]`))
    }
  }
  return found.filter((row, i) => found.findIndex(one => one.path === row.path) === i)
}

/**
 * @param {Schema} schema
 * @param {string} said
 * @param {{ oneOf: string, byDefault: string }} words
 */
function describe(schema, said, { oneOf, byDefault }) {
  const notes = []
  if (schema.enum) notes.push(`${oneOf} ${schema.enum.map(value => JSON.stringify(value)).join(', ')}.`)
  const plain =
    ['string', 'number', 'boolean'].includes(typeof schema.default) || Array.isArray(schema.default)
  if (plain && !said.includes(`${byDefault}:`)) notes.push(`${byDefault}: ${JSON.stringify(schema.default)}.`)
  return [said, ...notes].filter(part => part !== '').join(' ')
}
