import { createScanner, type ScanError, type SyntaxKind } from 'jsonc-parser'
import { type ConfigFault, configFault } from './fault.ts'
import { quoted } from './find.ts'

/** What a text is that is not JSON, and where one sees it; the file as a whole without `offset`. */
export interface ForeignText {
  readonly fault: ConfigFault
  readonly offset?: number
}

/**
 * Recognises a configuration in another format, or with quotes or comments of
 * another one, so that one problem names the cause in the place of one for each
 * line. Asked only where the text is not JSON, or holds nothing.
 */
export function recognise(text: string, file: string): ForeignText | undefined {
  if (text.includes('\0') || text.startsWith('\ufffd'))
    return { fault: configFault(isUtf16(text) ? 'foreign-utf16' : 'foreign-binary') }
  const lines = text.split(/\r?\n/).filter(line => /\S/.test(line) && !/^\s*(#|;|\/\/|---)/.test(line))
  const token = firstToken(text)
  const start = token === '#' ? lines[0]?.trimStart()[0] : token
  if (start === undefined) return { fault: configFault('empty-file') }
  if (start === '{') return signOf(text)
  const mostly = (pattern: RegExp) => lines.filter(line => pattern.test(line)).length * 2 > lines.length
  const isSection = lines.some(line => /^\s*\[[^\]"{}]+\]\s*$/.test(line))
  if (isSection) return { fault: configFault('foreign-ini') }
  const values = { file: quoted(file) }
  if (lines.some(line => /^eturnal:/.test(line))) return { fault: configFault('foreign-eturnal', values) }
  // coturn: options of small letters, with a value behind = or none at all.
  const isCoturn =
    mostly(/^\s*-{0,2}(CA-file|[a-z][a-z0-9-]*)\s*(=.*)?$/) && lines.some(line => /[a-z][=-]/.test(line))
  if (isCoturn) return { fault: configFault('foreign-coturn', values) }
  if (mostly(/^\s*(- |[\w$.-]+\s*:(\s|$))/)) return { fault: configFault('foreign-yaml') }
  if (start === '[' || start === '"') return undefined
  return { fault: configFault('foreign') }
}

/** A text in UTF-16 that was read as UTF-8: every other octet of what is JSON in it is zero. */
function isUtf16(text: string): boolean {
  return text.split('\0').length * 3 > text.length
}

/** The first character that is neither white space nor a comment. */
function firstToken(text: string): string | undefined {
  const scanner = createScanner(text, true)
  return scanner.scan() === EOF ? undefined : text[scanner.getTokenOffset()]
}

/** Quotes and comments of other formats inside of what is JSON otherwise. */
function signOf(text: string): ForeignText | undefined {
  const scanner = createScanner(text, true)
  for (let kind: number = scanner.scan(); kind !== EOF; kind = scanner.scan()) {
    const isBroken = kind === UNKNOWN || scanner.getTokenError() !== NO_ERROR
    if (!isBroken) continue
    const offset = scanner.getTokenOffset()
    const token = text.slice(offset, offset + scanner.getTokenLength())
    const key = token.startsWith('#')
      ? 'hash-comment'
      : /[\u201c\u201d\u201e\u201f\u00ab\u00bb\u2018\u2019]/.test(token)
        ? 'smart-quotes'
        : token.startsWith("'")
          ? 'single-quotes'
          : undefined
    if (key) return { fault: configFault(key), offset }
  }
  return undefined
}

// Const enums have no values where each file is compiled by itself.
const EOF = 17 satisfies SyntaxKind.EOF
const UNKNOWN = 16 satisfies SyntaxKind.Unknown
const NO_ERROR = 0 satisfies ScanError.None
