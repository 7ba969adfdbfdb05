import {
  createScanner,
  findNodeAtLocation,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import {
  configKeys,
  harmlessNames,
  isSecret,
  type KeyDescription,
  secretNames,
} from './schema/description.ts'

export type Path = readonly (string | number)[]

/** A stretch of the text, and what a reader may see of its line. */
export interface Spot {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number
  /** The line with its secrets blanked out; `caret` and `width` are positions in it. */
  readonly excerpt: string
  readonly caret: number
  readonly width: number
}

/** A configuration text: its values, and where each of them stands. */
export class SourceText {
  readonly text: string
  readonly root: Node | undefined
  readonly syntaxErrors: readonly { readonly what: string; readonly spot: Spot }[]
  readonly #hidden: readonly Span[]

  /** `keys` describes what may stand in it, where that is not `turnserver.json`. */
  constructor(text: string, keys?: KeyDescription) {
    this.text = text.startsWith('\ufeff') ? ` ${text.slice(1)}` : text
    const errors: ParseError[] = []
    this.root = parseTree(this.text, errors, { allowTrailingComma: true })
    this.#hidden = hidden(this.text, errors.length > 0, keys)
    this.syntaxErrors = firstOfEachLine(
      errors.map(({ error, offset, length }) => ({
        what: printParseErrorCode(error),
        spot: this.#spot(offset, length),
      })),
    )
  }

  /** The values as plain data. Keys stay what they are, `__proto__` too. */
  value(): unknown {
    return this.root && toValue(this.root)
  }

  /** The place of the character at `offset`. */
  at(offset: number): Spot {
    return this.#spot(offset, 1)
  }

  /** Where the value at `path` stands, or what is nearest above it; `key` points at its name instead. */
  locate(path: Path, key = false): Spot {
    let node = this.root && findNodeAtLocation(this.root, [...path])
    if (node && key && node.parent?.type === 'property') node = node.parent.children![0]!
    for (let depth = path.length; !node && depth > 0; depth--) {
      node = this.root && findNodeAtLocation(this.root, path.slice(0, depth - 1))
    }
    if (!node) return this.#spot(0, 1)
    const isOpen = node.type === 'object' || node.type === 'array'
    return this.#spot(node.offset, isOpen ? 1 : node.length)
  }

  /** Keys that stand twice in one object. JSON readers take the last of them without a word. */
  duplicates(): { readonly path: Path; readonly spot: Spot; readonly firstLine: number }[] {
    const found: { path: Path; spot: Spot; firstLine: number }[] = []
    const walk = (node: Node, path: Path) => {
      const seen = new Map<string, Node>()
      for (const [i, child] of (node.children ?? []).entries()) {
        if (node.type === 'array') walk(child, [...path, i])
        if (node.type !== 'object') continue
        const [name, value] = child.children!
        const at = [...path, name!.value as string]
        const first = seen.get(name!.value)
        if (first) {
          const spot = this.#spot(name!.offset, name!.length)
          found.push({ path: at, spot, firstLine: this.#spot(first.offset, 1).line })
        } else seen.set(name!.value, name!)
        if (value) walk(value, at)
      }
    }
    if (this.root) walk(this.root, [])
    return found
  }

  #spot(offset: number, length: number): Spot {
    const from = this.text.lastIndexOf('\n', offset - 1) + 1
    const next = this.text.indexOf('\n', from)
    const to = next < 0 ? this.text.length : next
    const line = this.text.slice(0, from).split('\n').length
    return {
      line,
      column: offset - from + 1,
      ...this.#excerpt(from, to, offset, Math.min(offset + length, to)),
    }
  }

  /** The line from `from` to `to` as it may be shown, with a caret from `first` up to `last`. */
  #excerpt(from: number, to: number, first: number, last: number) {
    let excerpt = ''
    let caret = 0
    let end = 0
    for (let at = from; at <= to; ) {
      if (at <= first) caret = excerpt.length
      if (at <= last) end = excerpt.length
      if (at === to) break
      const span = this.#hidden.find(span => span.from <= at && at < span.to)
      excerpt += span ? span.shown : printable(this.text[at]!)
      at = span ? Math.min(span.to, to) : at + 1
    }
    excerpt = excerpt.trimEnd()
    return cropped(excerpt, caret, Math.max(1, end - caret))
  }
}

/** The scanner's tokens that matter here; its own names for them exist at compile time only. */
const Token = {
  OpenBraceToken: 1,
  CloseBraceToken: 2,
  StringLiteral: 10,
  LineCommentTrivia: 12,
  BlockCommentTrivia: 13,
  Unknown: 16,
  EOF: 17,
} as const

interface Span {
  readonly from: number
  readonly to: number
  readonly shown: string
}

/**
 * Finds what must not be shown: texts under keys that are not known to be
 * harmless, and comments. Works on tokens, so that it holds for a text that is
 * no JSON at all. Where quotes may be out of step (`isBroken`), everything
 * behind the name of a secret is hidden up to the end of the line.
 */
function hidden(text: string, isBroken: boolean, keys: KeyDescription = configKeys()): Span[] {
  const spans: Span[] = []
  const scanner = createScanner(text, false)
  const outer: string[] = []
  const harmless = isBroken ? harmlessNames(keys) : undefined
  let key = ''
  for (let kind: number = scanner.scan(); kind !== Token.EOF; kind = scanner.scan()) {
    const from = scanner.getTokenOffset()
    const to = from + scanner.getTokenLength()
    if (kind === Token.LineCommentTrivia) spans.push({ from, to, shown: '// …' })
    else if (kind === Token.BlockCommentTrivia) spans.push({ from, to, shown: '/* … */' })
    else if (kind === Token.OpenBraceToken) outer.push(key)
    else if (kind === Token.CloseBraceToken) key = outer.pop() ?? ''
    else if (kind === Token.StringLiteral && isKey(text, to)) key = scanner.getTokenValue()
    else if (kind === Token.StringLiteral || kind === Token.Unknown) {
      // In a text that is not JSON, the place of a key cannot be told: its name must do.
      const hide = harmless
        ? !harmless.has(key) || followsSecret(text, from)
        : isSecret([...outer.slice(1), key], keys)
      if (hide || holdsPassword(scanner.getTokenValue())) spans.push({ from, to, shown: '"…"' })
    }
  }
  return spans
}

/** True for a URL with a password in it. */
export function holdsPassword(text: string): boolean {
  return /:\/\/[^/]*@/.test(text)
}

function isKey(text: string, end: number): boolean {
  return /^\s*:/.test(text.slice(end, end + 200))
}

/** The names of keys that hold secrets; made from the schema once. */
let secretKeys: RegExp | undefined

function followsSecret(text: string, at: number): boolean {
  const from = text.lastIndexOf('\n', at - 1) + 1
  const line = text.slice(from, at + 1)
  secretKeys ??= new RegExp(`(?:secret|passw|${[...secretNames()].join('|')})(?!File)`, 'i')
  return secretKeys.test(line)
}

function printable(character: string): string {
  if (character === '\t') return ' '
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character) ? '' : character
}

const WIDTH = 100

/** Cuts a long line down to the part around the caret. */
function cropped(excerpt: string, caret: number, width: number) {
  const start = caret > WIDTH - 20 ? caret - 40 : 0
  const cut = excerpt.slice(start, start + WIDTH)
  const head = start > 0 ? '…' : ''
  const tail = start + WIDTH < excerpt.length ? '…' : ''
  const at = caret - start + head.length
  const text = `${head}${cut}${tail}`
  return { excerpt: text, caret: at, width: Math.max(1, Math.min(width, text.length - at)) }
}

/** After the first error of a line, the parser mostly complains of what follows from it. */
function firstOfEachLine<T extends { readonly spot: Spot }>(errors: readonly T[]): T[] {
  const lines = new Set<number>()
  return errors.filter(({ spot }) => !lines.has(spot.line) && lines.add(spot.line))
}

function toValue(node: Node): unknown {
  if (node.type === 'array') return (node.children ?? []).map(toValue)
  if (node.type !== 'object') return node.value
  const object: Record<string, unknown> = {}
  for (const { children } of node.children ?? []) {
    const [key, value] = children!
    const property = { value: value && toValue(value), enumerable: true, writable: true, configurable: true }
    // A plain assignment to __proto__ would vanish, and with it the complaint about an unknown key.
    Object.defineProperty(object, key!.value as string, property)
  }
  return object
}
