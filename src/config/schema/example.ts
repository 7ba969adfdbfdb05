import { configKeys, type KeyDescription } from './description.ts'

/*
 * turnserver.example.json: every key under its description. A key with a
 * default, or one that a file needs, is written out; any other is commented
 * out with //" so that removing the // switches it on.
 */

const HEAD = [
  'Configuration of taciturn, a STUN and TURN relay: JSON with comments.',
  '',
  'Copy it to turnserver.json (or to /etc/taciturn/turnserver.json), or let `taciturn init` write a shorter one with a fresh secret. `taciturn validate` says what is wrong with it, `taciturn validate --effective` what is in force. Every key is here. Live lines hold the default where there is one, so leaving them out changes nothing; lines that begin with //" are keys without a default, to be switched on by removing the //.',
  '',
  'Durations have a unit ("90s", "10m", "1h", "7d"), and so do rates ("500 kbit/s", "2 Mbit/s", "unlimited"). An unknown key or a value that makes no sense keeps the relay from starting: nothing is ever ignored. SIGHUP reads the file again under live calls; keys marked [restart] wait for the next start.',
]

/** Writes the example file from the description of the keys. */
export function exampleFile(keys: KeyDescription = configKeys()): string {
  const head = HEAD.flatMap(text => comment(text, ''))
  return `${[...head, '{', ...members(keys, '  ', true), '}'].join('\n')}\n`
}

/** The lines of an object's keys, with a blank line between sections. */
function members(of: KeyDescription, indent: string, isLive: boolean): string[] {
  const required = new Set(of.required)
  return Object.entries(of.properties ?? {}).flatMap(([name, key], i) => {
    const isShown = isLive && (key.default !== undefined || key.live === true || required.has(name))
    const mark = key.restart === true ? ' [restart]' : key.restart ? ' [restart to add or remove it]' : ''
    const above = comment(`${key.description ?? ''}${mark}`, indent)
    const space = indent === '  ' && i > 0 ? [''] : []
    return [...space, ...above, ...value(key, `${JSON.stringify(name)}: `, indent, isShown)]
  })
}

/** The lines of one value behind `start`, which is its key, or nothing in a list. */
function value(of: KeyDescription, start: string, indent: string, isLive: boolean): string[] {
  const at = `${indent}${isLive ? '' : '//'}`
  const section = [of, ...(of.anyOf ?? [])].find(form => form.properties)
  if (section) return [`${at}${start}{`, ...members(section, `${indent}  `, isLive), `${at}},`]
  const item = of.items
  const entry = item && [item, ...(item.anyOf ?? [])].find(form => form.properties)
  if (!entry) return [`${at}${start}${inline(plainValue(of))},`]
  const text = item.anyOf?.find(form => form.type === 'string')
  const inner = `${indent}  `
  return [
    `${at}${start}[`,
    ...(text ? value(text, '', inner, isLive) : []),
    ...value(entry, '', inner, isLive && of.live === true && !text),
    `${at}],`,
  ]
}

/** The default; without one, the first example; for a list, an example of each kind of entry. */
function plainValue(of: KeyDescription): unknown {
  if (of.default !== undefined) return of.default
  if (of.items) return of.items.examples
  return [of, ...(of.anyOf ?? [])].find(form => form.examples)?.examples?.[0]
}

function inline(value: unknown): string {
  return Array.isArray(value)
    ? `[${value.map(one => JSON.stringify(one)).join(', ')}]`
    : JSON.stringify(value)
}

const WIDTH = 120

/** Wraps a text behind `//`. */
function comment(text: string, indent: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && `${indent}// ${line} ${word}`.length > WIDTH) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].map(one => `${indent}// ${one}`.trimEnd())
}
