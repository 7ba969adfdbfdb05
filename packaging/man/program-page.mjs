// taciturn(1), from what the program itself says with --help.

import { head, item, literal, paragraph, section, subsection, verbatim } from '../roff.mjs'

/**
 * @typedef {{ heading: string, lines: string[] }} Block
 * @typedef {{ usage: string, what: string, blocks: Block[], after: string[] }} Help
 */

/**
 * Writes the page.
 * @param {(args: string[]) => Promise<string>} help runs the program and returns what it prints
 * @param {{ version: string, date: string }} about
 */
export async function programPage(help, about) {
  const overview = parse(await help(['--help']))
  const commands = overview.blocks
    .filter(block => block.heading !== 'Options')
    .flatMap(block => rows(block.lines))
  let page = head('TACITURN', 1, { ...about, title: 'User Commands' })
  page += `${section('Name')}taciturn \\- ${literal(overview.usage.replace(/^taciturn, /, ''))}\n`
  page += `${section('Synopsis')}.B taciturn\n.I command\n.RI [ options ]\n`
  page += section('Description')
  page += `${paragraph(
    'A relay for the calls of clients behind NAT (RFC 8489, RFC 8656), made for Matrix homeservers. Each of the commands below has a `--help` of its own. As installed by the Debian package, the relay is a service: see `systemctl status taciturn`. Its configuration is turnserver.json(5).',
  )}\n`
  page += section('Commands')
  for (const { term, text } of commands) {
    const usageAlone = WITHOUT_HELP[term]
    const { usage, blocks, after } =
      usageAlone === undefined
        ? parse(await help([...commandWords(term), '--help']))
        : { usage: usageAlone, blocks: [], after: [] }
    page += subsection(usage)
    page += `${paragraph(sentence(text))}\n`
    for (const block of blocks) {
      const options = rows(block.lines).filter(row => !COMMON.includes(row.term))
      if (block.heading === 'Examples') {
        page += `.PP\nExamples:\n${verbatim(options.map(row => `${row.term}\n    ${row.text}`).join('\n'))}`
      } else {
        for (const option of options) page += item(option.term, describe(option.text))
      }
    }
    const notes = after.filter(line => !overview.after.includes(line) && !line.startsWith('Exit codes'))
    for (const line of notes) page += `.PP\n${paragraph(line)}\n`
  }
  page += section('Options')
  const common = overview.blocks.find(block => block.heading === 'Options')
  for (const row of rows(common?.lines ?? [])) page += item(row.term, describe(row.text))
  page += section('Signals')
  for (const [signal, text] of SIGNALS) page += item(signal, paragraph(text))
  page += section('Exit status and environment')
  page += overview.after.map(line => `${paragraph(line)}\n`).join('.PP\n')
  page += section('Files')
  for (const [file, text] of FILES) page += item(file, paragraph(text))
  page += `${section('See also')}.BR turnserver.json (5)\n.PP\nThe guides in /usr/share/doc/taciturn/docs, first of all operating.md and matrix.md. Alert rules for Prometheus and a dashboard for Grafana are in /usr/share/doc/taciturn/deploy.\n`
  return page
}

/** @type {Record<string, string>} With --help, the first gives the overview again, and the second its script. */
const WITHOUT_HELP = {
  'taciturn help': 'taciturn help [command]',
  'taciturn completion': 'taciturn completion',
}
const COMMON = ['--lang', '-h, --help', '-v, --version']
const SIGNALS = [
  ['SIGHUP', 'Reads configuration, secrets and certificate again. Calls go on.'],
  ['SIGUSR1', 'Drains: takes no new call, and stops when the last has ended.'],
  [
    'SIGTERM, SIGINT',
    'Stops. Calls may go on for as long as `stop.deadline` says. A second one does not wait.',
  ],
]
const FILES = [
  [
    '/etc/taciturn/turnserver.json',
    'The configuration. It holds secrets: root and the group taciturn can read it.',
  ],
  ['/var/lib/taciturn', 'What the relay keeps: secrets that it has made itself.'],
  ['/run/taciturn', 'Its control socket.'],
  ['/usr/share/doc/taciturn/turnserver.example.json', 'Every key of the configuration, explained.'],
]

/**
 * Takes apart what --help prints.
 * @param {string} text
 * @returns {Help}
 */
function parse(text) {
  const [usage = '', ...rest] = text.trimEnd().split(/\n\n/)
  /** @type {Help} */
  const help = { usage: usage.trim(), what: '', blocks: [], after: [] }
  for (const part of rest) {
    const [first = '', ...lines] = part.split('\n')
    if (/^[A-Z][^.]*:$/.test(first) && lines.every(line => line.startsWith(' '))) {
      help.blocks.push({ heading: first.slice(0, -1), lines })
    } else if (help.blocks.length === 0) {
      help.what += part
    } else {
      help.after.push(...joined([first, ...lines]))
    }
  }
  return help
}

/**
 * The lines of the last paragraphs, each with what was wrapped.
 * @param {string[]} lines
 */
function joined(lines) {
  /** @type {string[]} */
  const whole = []
  for (const line of lines) {
    const last = whole.at(-1)
    if (last === undefined || last.endsWith('.')) whole.push(line.trim())
    else whole[whole.length - 1] = `${last} ${line.trim()}`
  }
  return whole
}

/**
 * Reads a table of two columns, of which either may be wrapped.
 * @param {string[]} lines
 */
function rows(lines) {
  /** @type {{ term: string, text: string }[]} */
  const found = []
  // The second column begins where it does in most first lines of a row.
  const starts = lines.flatMap(line => /^ {2}\S.*? {2,}(?=\S)/.exec(line)?.[0].length ?? [])
  const column = Math.min(...starts)
  for (const line of lines) {
    const left = line.slice(0, column).trim()
    const right = line.slice(column).trim().replaceAll(/ {2,}/g, ' ')
    const isNew = left !== '' && /^(?:(?:-\w, )?--|taciturn |[a-z]+$)/.test(left)
    const last = found.at(-1)
    if (isNew || !last) found.push({ term: left, text: right })
    else {
      last.term = `${last.term} ${left}`.trim()
      last.text = `${last.text} ${right}`.trim()
    }
  }
  return found
}

/** @param {string} term */
function commandWords(term) {
  return term
    .split(' ')
    .slice(1)
    .filter(word => !/^[[<]/.test(word))
}

/**
 * Words for what yargs puts in brackets.
 * @param {string} text
 */
function describe(text) {
  const brackets = [
    ...text.matchAll(/\[((?:choices|default): [^\]]*|string|boolean|number|array|required|count)\]/g),
  ]
  let plain = text
  for (const [whole] of brackets) plain = plain.replace(whole, '')
  const notes = brackets
    .map(([, inside = '']) => inside)
    .filter(inside => !['string', 'boolean', 'number', 'array', 'default: false'].includes(inside))
  const note = notes.length > 0 ? ` (${notes.join('; ')})` : ''
  return paragraph(`${sentence(plain.trim()).replace(/\.$/, '')}${note}.`)
}

/** @param {string} text */
function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}
