import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import type { ImportedLine } from './line.ts'

/** Why a file is not what it was taken for. */
export class UnreadableFile extends Error {
  override readonly name = 'UnreadableFile'
  /** Where the parser stopped, from 1. */
  readonly line: number

  constructor(line: number) {
    super(`not YAML (line ${line})`)
    this.line = line
  }
}

/** A value and the path that leads to it, such as `listen[0].port`. */
export interface Leaf extends ImportedLine {
  readonly path: readonly (string | number)[]
}

/** All values of a YAML text. Throws `UnreadableFile` where it is none. */
export function leaves(text: string): Leaf[] {
  const counter = new LineCounter()
  const document = parseDocument(text.replace(/^\uFEFF/, ''), { lineCounter: counter, uniqueKeys: false })
  const broken = document.errors[0]
  if (broken) throw new UnreadableFile(broken.linePos?.[0].line ?? 1)
  const found: Leaf[] = []
  let seen = 0
  // The parser walks the whole document to find what an alias stands for, so it is asked once.
  const resolved = new Map<Alias, unknown>()
  const resolve = (alias: Alias): unknown => {
    if (!resolved.has(alias)) resolved.set(alias, alias.resolve(document))
    return resolved.get(alias)
  }
  /** The maps and lists that the visited node lies in. */
  const around = new Set<unknown>()
  const visit = (given: unknown, path: readonly (string | number)[], line: number): void => {
    if (path.length > DEEPEST || ++seen > MOST_NODES) return
    const node = isAlias(given) ? resolve(given) : given
    // An alias that leads to what it lies in has no end, and eturnal does not read such a file.
    if (around.has(node)) return
    if (isMap(node) || isSeq(node)) around.add(node)
    open(node, path, line)
    around.delete(node)
  }
  const open = (node: unknown, path: readonly (string | number)[], line: number): void => {
    if (isMap(node) && node.items.length > 0) {
      for (const { key, value } of node.items) {
        const name = String(isScalar(key) ? key.value : key)
        const at = isScalar(key) && key.range ? counter.linePos(key.range[0]).line : line
        visit(value, [...path, name], at)
      }
    } else if (isSeq(node) && node.items.length > 0) {
      for (const [i, item] of node.items.entries()) {
        const range = (item as { range?: [number, number, number] } | null)?.range
        visit(item, [...path, i], range ? counter.linePos(range[0]).line : line)
      }
    } else if (path.length > 0) {
      found.push({ key: nameOf(path), path, value: textOf(node), line })
    }
  }
  visit(document.contents, [], 1)
  return found
}

/** A scalar as it is written: a secret of digits is not a number. */
function textOf(node: unknown): string {
  if (!isScalar(node) || node.value === null) return ''
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
}

/** Writes a path without the `eturnal` in front, which every one has. */
function nameOf(path: readonly (string | number)[]): string {
  const below = path[0] === 'eturnal' && path.length > 1 ? path.slice(1) : path
  return below.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  )
}

/** No file of eturnal is deeper or has more in it; aliases could make one without end, also one without a leaf. */
const DEEPEST = 16
const MOST_NODES = 10_000
