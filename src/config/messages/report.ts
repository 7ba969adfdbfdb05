import type { SetByEnvironment } from '../environment.ts'
import { type ConfigFault, configFault, type FaultValues } from '../fault.ts'
import { ConfigError, type Problem } from '../problem.ts'
import type { Path, SourceText, Spot } from '../source.ts'
import { isMessageKey, type MessageKey } from './messages.ts'

/** Gathers what is wrong with one configuration, so that all of it is said at once. */
export class ConfigReport {
  readonly #file: string | undefined
  readonly #source: SourceText | undefined
  readonly #set: readonly SetByEnvironment[]
  readonly errors: Problem[] = []
  readonly warnings: Problem[] = []

  /** `set`: keys that the environment sets; what is wrong with them is said of the variable. */
  constructor(file?: string, source?: SourceText, set: readonly SetByEnvironment[] = []) {
    this.#file = file
    this.#source = source
    this.#set = set
  }

  /** Adds an error at the value that `path` leads to. */
  error(path: Path, key: MessageKey, values: FaultValues = {}): void {
    this.fault(path, configFault(key, values))
  }

  /** Adds an error that something else found; `at` says whether the key or its value is to blame. */
  fault(path: Path, fault: ConfigFault, at: 'key' | 'value' = 'value'): void {
    this.errors.push(this.#problem(path, fault, at))
  }

  /** Adds an error of the JSON itself. `what` is the parser's name for it. */
  syntax(what: string, spot: Spot): void {
    const key = `syntax-${what}`
    const fault = configFault(isMessageKey(key) ? key : 'syntax', { what })
    this.errors.push({ ...this.#problem([], fault, 'value'), spot })
  }

  /** Says what a text is that is not JSON; `offset` is where one sees it. */
  foreign(fault: ConfigFault, offset: number | undefined): void {
    const { spot: _, ...problem } = this.#problem([], fault, 'value')
    const spot = offset === undefined ? undefined : this.#source?.at(offset)
    this.errors.push(spot ? { ...problem, spot } : problem)
  }

  /** Adds an error for a key that stands twice in one object. */
  duplicate(path: Path, spot: Spot, firstLine: number): void {
    const fault = configFault('duplicate-key', { key: String(path.at(-1)), line: firstLine })
    this.errors.push({ ...this.#problem(path, fault, 'key'), spot })
  }

  /** Adds what need not stop anybody. */
  warn(path: Path, key: MessageKey, values: FaultValues = {}): void {
    const { spot, ...problem } = this.#problem(path, configFault(key, values), 'value')
    // What is said of the file as a whole is at no place in it.
    this.warnings.push(path.length === 0 || !spot ? problem : { ...problem, spot })
  }

  /** Throws all errors, in the order of the file. Returns where there are none. */
  settle(): void {
    if (this.errors.length === 0) return
    const place = ({ spot }: Problem) => (spot ? spot.line * 100_000 + spot.column : 0)
    throw new ConfigError(this.errors.toSorted((a, b) => place(a) - place(b)))
  }

  #problem(path: Path, fault: ConfigFault, at: 'key' | 'value'): Problem {
    const set = this.#set.find(one => one.path.every((step, i) => path[i] === step))
    if (set) return { fault, path: [set.variable] }
    const spot = this.#source?.locate(path, at === 'key')
    return { fault, path, ...(this.#file !== undefined && { file: this.#file }), ...(spot && { spot }) }
  }
}
