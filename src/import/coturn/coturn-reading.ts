import { emptyDraft, type ImportSurroundings } from '../draft.ts'
import { type ImportedLine, Ledger } from '../line.ts'
import { isOn } from './coturn-file.ts'

/** A turnserver.conf while it is read: its lines, what became of them, and what is made of them. */
export class CoturnReading {
  readonly lines: readonly ImportedLine[]
  readonly around: ImportSurroundings
  readonly ledger: Ledger
  readonly draft = emptyDraft()

  constructor(lines: readonly ImportedLine[], around: ImportSurroundings) {
    this.lines = lines
    this.around = around
    this.ledger = new Ledger(lines)
  }

  /** The lines of an option that may stand several times. */
  all(name: string): ImportedLine[] {
    return this.lines.filter(line => line.key === name)
  }

  /** The line that counts of an option that has one value: the last. The others are settled. */
  last(name: string): ImportedLine | undefined {
    const lines = this.all(name)
    const last = lines.at(-1)
    for (const line of lines)
      if (line !== last) this.ledger.unneeded(line, 'overridden', { line: last!.line })
    return last
  }

  /** The same for a flag; undefined where it is switched off. */
  flag(name: string): ImportedLine | undefined {
    const line = this.last(name)
    return line && isOn(line.value) ? line : undefined
  }
}
