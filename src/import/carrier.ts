import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Scalar,
} from 'yaml'
import { type CommandWord, isCoturnOption, readOptions, splitWords } from './command-words.ts'
import { readCoturnLines } from './coturn/coturn-file.ts'
import { type Leaf, leaves } from './eturnal-file.ts'
import type { ImportedLine } from './line.ts'

/**
 * A file that is not a turnserver.conf or eturnal.yml itself, but carries one, or starts a server with
 * options: compose files, Kubernetes manifests, systemd units, environment files, scripts.
 */
export interface CarriedSettings {
  readonly coturn: ImportedLine[]
  readonly eturnal: Leaf[]
}

/** What an environment variable of eturnal's container stands for. */
const VARIABLES: Readonly<Record<string, string>> = {
  ETURNAL_SECRET: 'secret',
  ETURNAL_RELAY_IPV4_ADDR: 'relay_ipv4_addr',
  ETURNAL_RELAY_IPV6_ADDR: 'relay_ipv6_addr',
  ETURNAL_RELAY_MIN_PORT: 'relay_min_port',
  ETURNAL_RELAY_MAX_PORT: 'relay_max_port',
}

/** Keys of YAML whose value is a command line. */
const COMMANDS = new Set(['command', 'args', 'entrypoint', 'extraArgs'])

/** Finds what a file carries; undefined where it is not such a file. */
export function readCarrier(text: string, name: string): CarriedSettings | undefined {
  if (/^[ \t]*Exec(Start)?[ \t]*=/m.test(text)) return fromUnit(text)
  if (/\.ya?ml$/i.test(name) || /^(apiVersion|services|version|kind)\s*:/m.test(text)) return fromYaml(text)
  // JSON is YAML, too: what `kubectl get -o json` and `docker inspect` print.
  const json = /^\s*[[{]/.test(text) ? fromYaml(text) : undefined
  if (json && json.coturn.length + json.eturnal.length > 0) return json
  if (/^(export\s+)?ETURNAL_\w+=/m.test(text)) return fromEnvironment(text)
  return fromScript(text)
}

/** `ExecStart=` of a systemd unit, or `Exec=` of a Quadlet of Podman, and the variables that it sets. */
function fromUnit(text: string): CarriedSettings {
  const carried = empty()
  const joined = text.replaceAll(/\\\n/g, '\\\n')
  for (const match of joined.matchAll(/^[ \t]*Exec(?:Start)?[ \t]*=((?:.*\\\n)*.*)$/gm)) {
    takeCommand(carried, splitWords(match[1]!, lineAt(text, match.index)))
  }
  for (const match of text.matchAll(/^[ \t]*Environment[ \t]*=(.*)$/gm)) {
    for (const { text: word } of splitWords(match[1]!, 1))
      takeVariable(carried, word, lineAt(text, match.index))
  }
  return carried
}

function fromEnvironment(text: string): CarriedSettings {
  const carried = empty()
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const [word] = splitWords(line.replace(/^\s*export\s+/, ''), i + 1)
    if (word && !word.text.startsWith('#')) takeVariable(carried, word.text, i + 1)
  }
  return carried
}

/**
 * A script or a copied command line: `turnserver -n --realm=…`, `docker run … coturn/coturn --realm=…`; or a list of
 * words, as Nomad, Terraform, NixOS and Dockerfiles have it.
 */
function fromScript(text: string): CarriedSettings | undefined {
  const commented = text.replaceAll(/^[ \t]*#.*$/gm, '')
  const listed = fromLists(commented)
  if (listed.coturn.length > 0) return listed
  const start = /(^|[\s/"'])(turnserver|coturn\/coturn(?::\S+)?)["']?[ \t\\]+\n?\s*-/m.exec(commented)
  if (!start) return undefined
  const carried = empty()
  const rest = commented.slice(start.index)
  const command = /^(?:.*\\\n)*.*/.exec(rest.replace(/^\s+/, ''))?.[0] ?? rest
  takeCommand(carried, splitWords(command, lineAt(commented, start.index)))
  return carried.coturn.length > 0 ? carried : undefined
}

/** `args = ["-n", "--realm=…"]`, `CMD ["turnserver", "-n"]`. */
function fromLists(text: string): CarriedSettings {
  const carried = empty()
  for (const match of text.matchAll(
    /^[ \t]*(?:(?:args|command|cmd)[ \t]*=|CMD|ENTRYPOINT)\s*\[([^\]]*)\]/gim,
  )) {
    const words = splitWords(match[1]!.replaceAll(/,(?=\s*("|$))/g, ' '), lineAt(text, match.index))
    takeCommand(carried, words)
  }
  return carried
}

function fromYaml(text: string): CarriedSettings | undefined {
  const counter = new LineCounter()
  let documents: Document[]
  try {
    documents = [
      ...parseAllDocuments(text.replace(/^\uFEFF/, ''), { lineCounter: counter, uniqueKeys: false }),
    ]
  } catch {
    return undefined
  }
  if (documents.some(({ errors }) => errors.length > 0)) return undefined
  // A file of eturnal itself carries nothing.
  if (documents.some(({ contents }) => isMap(contents) && contents.has('eturnal'))) return undefined
  const carried = empty()
  for (const document of documents) new YamlSearch(document, counter, carried).visit(document.contents, '', 0)
  return carried
}

class YamlSearch {
  readonly #document: Document
  readonly #counter: LineCounter
  readonly #carried: CarriedSettings
  readonly #resolved = new Map<Alias, unknown>()
  /** The maps and lists that the visited node lies in. */
  readonly #around = new Set<unknown>()
  #seen = 0

  constructor(document: Document, counter: LineCounter, carried: CarriedSettings) {
    this.#document = document
    this.#counter = counter
    this.#carried = carried
  }

  /** The number of nodes bounds aliases that multiply; one that leads to what it lies in ends there. */
  visit(given: unknown, key: string, depth: number): void {
    if (depth > DEEPEST || ++this.#seen > MOST_NODES) return
    const node = isAlias(given) ? this.#resolve(given) : given
    if (this.#around.has(node)) return
    if (isMap(node) || isSeq(node)) this.#around.add(node)
    this.#open(node, key, depth)
    this.#around.delete(node)
  }

  #open(node: unknown, key: string, depth: number): void {
    if (COMMANDS.has(key)) this.#command(node)
    else if (isMap(node)) {
      for (const { key: name, value } of node.items) {
        const text = String(isScalar(name) ? name.value : name)
        if (isScalar(value) && value.value !== null) this.#scalar(text, wordOf(value), this.#line(value))
        else this.visit(value, text, depth + 1)
      }
      this.#namedValue(node)
    } else if (isSeq(node)) {
      for (const item of node.items) {
        if (isScalar(item) && typeof item.value === 'string')
          takeVariable(this.#carried, item.value, this.#line(item))
        else this.visit(item, key, depth + 1)
      }
    }
  }

  /** What an alias stands for, looked for once: the parser walks the whole document each time. */
  #resolve(alias: Alias): unknown {
    if (!this.#resolved.has(alias)) this.#resolved.set(alias, alias.resolve(this.#document))
    return this.#resolved.get(alias)
  }

  /** `{name: ETURNAL_SECRET, value: …}` of Kubernetes. */
  #namedValue(node: { get(key: string): unknown }): void {
    const name = node.get('name')
    const value = node.get('value')
    if (typeof name === 'string' && typeof value === 'string')
      takeVariable(this.#carried, `${name}=${value}`, 1)
  }

  #scalar(key: string, value: string, line: number): void {
    if (COMMANDS.has(key)) takeCommand(this.#carried, splitWords(value, line))
    else if (/eturnal\.ya?ml$/i.test(key) || /^eturnal\s*:/m.test(value)) this.#eturnalFile(value, line)
    else if (/turnserver\.conf$/i.test(key) || looksLikeCoturn(value)) {
      for (const one of readCoturnLines(value)) this.#carried.coturn.push({ ...one, line: one.line + line })
    } else takeVariable(this.#carried, `${key}=${value}`, line)
  }

  #eturnalFile(text: string, line: number): void {
    for (const leaf of leaves(text)) this.#carried.eturnal.push({ ...leaf, line: leaf.line + line })
  }

  #command(node: unknown): void {
    if (isScalar(node)) takeCommand(this.#carried, splitWords(String(node.value ?? ''), this.#line(node)))
    if (!isSeq(node)) return
    const words = node.items.flatMap((item): CommandWord[] => {
      if (!isScalar(item)) return []
      const text = String(item.value ?? '')
      // `sh -c "exec turnserver …"` has a command line in one word.
      return /\s/.test(text) && /turnserver\s+-/.test(text)
        ? splitWords(text, this.#line(item))
        : [{ text, line: this.#line(item) }]
    })
    takeCommand(this.#carried, words)
  }

  #line(node: unknown): number {
    const range = (node as { range?: readonly number[] | null } | null)?.range
    return range ? this.#counter.linePos(range[0]!).line : 1
  }
}

function takeCommand(carried: CarriedSettings, words: readonly CommandWord[]): void {
  const program = words.findIndex(({ text }) => /(^|\/)turnserver$|coturn\/coturn(:|$)/.test(text))
  const own = program < 0 ? words : words.slice(program + 1)
  if (program < 0 && !own.some(({ text }) => isCoturnOption(text))) return
  carried.coturn.push(...readOptions(own))
}

function takeVariable(carried: CarriedSettings, word: string, line: number): void {
  const equals = word.indexOf('=')
  const name = word.slice(0, Math.max(0, equals))
  // One that eturnal does not know is reported as unknown, under its own name.
  const key = Object.hasOwn(VARIABLES, name) ? VARIABLES[name]! : name
  if (key !== name || /^ETURNAL_[A-Z0-9_]+$/.test(name))
    carried.eturnal.push({ key: name, path: ['eturnal', key], value: word.slice(equals + 1), line })
}

/** A text with several lines of which two at least are well-known options. */
function looksLikeCoturn(text: string): boolean {
  const known = text.match(
    /^[ \t]*(static-auth-secret|use-auth-secret|lt-cred-mech|listening-port|external-ip|realm|min-port)\b/gm,
  )
  return (known?.length ?? 0) >= 2
}

/** A scalar as it is written: a secret of digits is not a number. */
function wordOf(node: Scalar): string {
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index + 1).split('\n').length
}

function empty(): CarriedSettings {
  return { coturn: [], eturnal: [] }
}

const DEEPEST = 64
const MOST_NODES = 20_000
