// taciturn(1), from what the program itself says with --help.

import { head, item, literal, paragraph, section, subsection, verbatim } from '../roff.mjs'
import { WORDS } from './program-words.mjs'

/**
 * @typedef {{ heading: string, lines: string[] }} Block
 * @typedef {{ usage: string, what: string, blocks: Block[], after: string[] }} Help
 */

/**
 * Writes the page.
 * @param {(args: string[]) => Promise<string>} help runs the program and returns what it prints
 * @param {{ version: string, date: string }} about
 * @param {keyof typeof WORDS} language the one that the program speaks
 */
export async function programPage(help, about, language) {
  const words = WORDS[language]
  const overview = parse(await help(['--help']))
  const commands = overview.blocks
    .filter(block => block.heading !== words.options)
    .flatMap(block => rows(block.lines))
  let page = head('TACITURN', 1, { ...about, title: words.title })
  page += `${section(words.name)}taciturn \\- ${literal(overview.usage.replace(/^taciturn, /, ''))}\n`
  page += `${section(words.synopsis)}.B taciturn\n.I ${literal(words.command)}\n.RI [ ${literal(words.anyOptions)} ]\n`
  page += section(words.description)
  page += `${paragraph(words.about)}\n`
  page += section(words.commands)
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
      if (block.heading === words.examples) {
        page += `.PP\n${words.examples}:\n${verbatim(options.map(row => `${row.term}\n    ${row.text}`).join('\n'))}`
      } else {
        for (const option of options) page += item(option.term, describe(option.text))
      }
    }
    const notes = after.filter(line => !overview.after.includes(line) && !line.startsWith(words.exitCodes))
    for (const line of notes) page += `.PP\n${paragraph(line)}\n`
  }
  page += section(words.options)
  const common = overview.blocks.find(block => block.heading === words.options)
  for (const row of rows(common?.lines ?? [])) page += item(row.term, describe(row.text))
  page += section(words.signals)
  for (const [signal, text] of words.whatSignalsDo) page += item(signal, paragraph(text))
  page += section(words.exitStatus)
  page += overview.after.map(line => `${paragraph(line)}\n`).join('.PP\n')
  page += section(words.files)
  for (const [file, text] of words.whatFilesHold) page += item(file, paragraph(text))
  page += `${section(words.seeAlso)}.BR turnserver.json (5)\n.PP\n${paragraph(words.guides)}\n`
  return page
}

/** @type {Record<string, string>} With --help, the first gives the overview again, and the second its script. */
const WITHOUT_HELP = {
  'taciturn help': 'taciturn help [command]',
  'taciturn completion': 'taciturn completion',
}
const COMMON = ['--lang', '-h, --help', '-v, --version']

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
    if (/^[A-ZÄÖÜ][^.]*:$/.test(first) && lines.every(line => line.startsWith(' '))) {
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
  const starts = lines.flatMap(line => /^ {2,6}\S.*? {2,}(?=\S)/.exec(line)?.[0].length ?? [])
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
    ...text.matchAll(
      /\[((?:choices|default|Möglichkeiten|Standard): [^\]]*|string|boolean|number|array|required|erforderlich|count)\]/g,
    ),
  ]
  let plain = text
  for (const [whole] of brackets) plain = plain.replace(whole, '')
  const notes = brackets
    .map(([, inside = '']) => inside)
    .filter(
      inside => !['string', 'boolean', 'number', 'array'].includes(inside) && !/^\w+: false$/.test(inside),
    )
    .map(inside => inside.replace(/^Standard:/, 'Vorgabe:'))
  const note = notes.length > 0 ? ` (${notes.join('; ')})` : ''
  return paragraph(`${sentence(plain.trim()).replace(/\.$/, '')}${note}.`)
}

/** @param {string} text */
function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}
