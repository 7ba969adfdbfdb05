import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../../support/captured.ts'

/*
 * Commands and options that the documents name, in either language, are there.
 */

const ROOT = join(import.meta.dirname, '../../..')
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name)),
]

/** Words that stand behind the program's name in messages, and in commands of other programs. */
const OTHER_WORDS = ['alice', 'did', 'is', 'writes']

/** What a page tells to run: a word after `taciturn`, and the options up to the end, a comment or the next program. */
function commandsOf(page: string): { readonly command: string; readonly options: readonly string[] }[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const blocks = [...text.matchAll(/^[ ]*```(?:sh|console)?\n(.*?)^[ ]*```$/gms)].map(
    ([, block = '']) => block,
  )
  const prose = text.replaceAll(/^[ ]*```.*?^[ ]*```$/gms, '')
  const spans = [...prose.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span.replaceAll('\n', ' '))
  const lines = [...blocks.flatMap(block => block.split('\n')), ...spans]
  return lines.flatMap(line =>
    [...line.matchAll(/(?:^|[\s$]|npx )taciturn ([a-z][a-z-]*)(?!\p{L})([^|&;#]*)/gu)].map(
      ([, command = '', rest = '']) => ({
        command,
        options: [...rest.matchAll(/(?<=\s)--([a-z][a-z-]*)/g)].map(([, option = '']) => option),
      }),
    ),
  )
}

t.test('every command and option that a document names is there', async t => {
  const folder = t.testdir({})
  const helps = new Map<string, string>()
  const helpOf = async (command: string) => {
    const known = helps.get(command)
    if (known !== undefined) return known
    const { code, stdout } = await run(folder, [command, '--help'])
    const help = code === 0 ? stdout : ''
    helps.set(command, help)
    return help
  }
  // Shown as well where there is no such command.
  const general = (await run(folder, ['--help'])).stdout
  let count = 0
  for (const page of PAGES) {
    for (const { command, options } of commandsOf(page)) {
      if (OTHER_WORDS.includes(command)) continue
      const help = await helpOf(command)
      t.ok(help !== '' && help !== general, `${page}: taciturn ${command}`)
      for (const option of options) {
        count++
        t.match(
          help,
          new RegExp(`--(?:no-)?${option.replace(/^no-/, '')}\\b`),
          `${page}: taciturn ${command} --${option}`,
        )
      }
    }
  }
  t.ok(count > 100, `${count} options`)
})
