// turnserver.json(5), from the schema that editors use.

import { head, item, paragraph, section, verbatim } from '../roff.mjs'

/**
 * @typedef {{ description?: string, type?: string, default?: unknown, enum?: unknown[], examples?: unknown[],
 *   properties?: Record<string, Schema>, items?: Schema, anyOf?: Schema[] }} Schema
 */

/**
 * Writes the page.
 * @param {Schema} schema
 * @param {{ version: string, date: string }} about
 */
export function settingsPage(schema, about) {
  let page = head('TURNSERVER.JSON', 5, { ...about, title: 'File Formats' })
  page += `${section('Name')}turnserver.json \\- configuration of the TURN relay taciturn\n`
  page += section('Description')
  page += `${paragraph(
    'JSON with comments; a comma after the last entry is allowed. Durations have a unit ("90s", "1h"), and so do rates ("2 Mbit/s", "unlimited"). An unknown key, or a value that makes no sense, keeps the relay from starting: `taciturn validate` says where and how to fix it, and `taciturn validate --effective` what is in force. A reload reads the file again under live calls, and says what needs a restart.',
  )}\n`
  page += `${section('Example')}${verbatim(EXAMPLE)}`
  page += section('Keys')
  for (const row of keys(schema, '')) {
    page += item(row.path, paragraph(row.text))
  }
  page += `${section('Files')}.I /usr/share/doc/taciturn/turnserver.example.json\n.RS\nEvery key with its default and the reason for it.\n.RE\n`
  page += `${section('See also')}.BR taciturn (1)\n`
  return page
}

const EXAMPLE = `{
  "realm": "turn.example.org",
  "tls": {
    "certificate": "/etc/taciturn/fullchain.pem",
    "key": "/etc/taciturn/privkey.pem",
  },
  "homeservers": [{ "name": "example.org", "secrets": ["…"] }],
}`.replaceAll('…', 'output of: openssl rand -hex 32')

/**
 * All keys below a schema, as `relay.ports` and `homeservers[].name`.
 * @param {Schema} schema
 * @param {string} path
 * @returns {{ path: string, text: string }[]}
 */
function keys(schema, path) {
  const found = []
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`
    const text = describe(inner)
    if (text !== '') found.push({ path: at, text })
    for (const branch of [inner, ...(inner.anyOf ?? [])]) {
      found.push(...keys(branch, at))
      const items = branch.items
      for (const one of items ? [items, ...(items.anyOf ?? [])] : []) found.push(...keys(one, `${at}[]`))
    }
  }
  return found.filter((row, i) => found.findIndex(one => one.path === row.path) === i)
}

/** @param {Schema} schema */
function describe(schema) {
  const said = schema.description ?? ''
  const notes = []
  if (schema.enum) notes.push(`One of ${schema.enum.map(value => JSON.stringify(value)).join(', ')}.`)
  const plain =
    ['string', 'number', 'boolean'].includes(typeof schema.default) || Array.isArray(schema.default)
  if (plain && !/default:/i.test(said)) notes.push(`Default: ${JSON.stringify(schema.default)}.`)
  return [said, ...notes].filter(part => part !== '').join(' ')
}
