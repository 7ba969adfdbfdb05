import type { Language } from '../texts/language.ts'
import type { ConfigFault } from './fault.ts'
import { fill } from './messages/messages.ts'
import type { Path, Spot } from './source.ts'

/** Something the operator should know: what is wrong, where, and how to fix it. */
export interface Problem {
  readonly fault: ConfigFault
  /** Where in the configuration, as keys; empty for the file as a whole. */
  readonly path: Path
  readonly file?: string
  readonly spot?: Spot
}

/** A problem as `validate --json` prints it. */
export interface PlainProblem {
  readonly file?: string
  readonly line?: number
  readonly column?: number
  readonly path: string
  readonly what: string
  readonly fix: string
}

/** The configuration cannot be used. Thrown before anything is bound; lists everything that was found. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(problem => inOneLine(problem, 'en')).join('\n'))
    this.problems = problems
  }
}

/** Writes a problem in a line, for a log. */
export function inOneLine(problem: Problem, language: Language): string {
  const [what, fix] = texts(problem, language)
  return `${position(problem)}${what}; ${fix}`
}

/** Gives a part of an error its colour. */
export type Highlight = (part: 'place' | 'caret' | 'fix', text: string) => string

/** Writes a problem with its line of the file and a caret under what is wrong. */
export function withExcerpt(
  problem: Problem,
  language: Language,
  highlight: Highlight = (_, text) => text,
): string {
  const [what, fix] = texts(problem, language)
  const lines = [`${highlight('place', position(problem))}${what}`]
  if (problem.spot) {
    const { line, excerpt, caret, width } = problem.spot
    lines.push(`${String(line).padStart(5)} | ${excerpt}`)
    lines.push(`      | ${' '.repeat(caret)}${highlight('caret', '^'.repeat(width))}`)
  }
  lines.push(`      ${highlight('fix', `→ ${fix}`)}`)
  return lines.join('\n')
}

export function plain(problem: Problem, language: Language): PlainProblem {
  const [what, fix] = fill(problem.fault.key, problem.fault.values, language)
  return {
    ...(problem.file !== undefined && { file: problem.file }),
    ...(problem.spot && { line: problem.spot.line, column: problem.spot.column }),
    path: formatPath(problem.path),
    what,
    fix,
  }
}

/** Writes `['listen', 1]` as `listen[1]`. */
export function formatPath(path: Path): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  )
}

function texts({ fault, path }: Problem, language: Language): [what: string, fix: string] {
  const [what, fix] = fill(fault.key, fault.values, language)
  const at = formatPath(path)
  return [at === '' ? what : `${at}: ${what}`, fix]
}

function position({ file, spot }: Problem): string {
  if (file === undefined) return ''
  return spot ? `${file}:${spot.line}:${spot.column}: ` : `${file}: `
}
