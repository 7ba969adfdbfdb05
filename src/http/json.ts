import { DEAR, inSlices } from '../system/slices.ts'

/** Items that are written at once, in far less than a millisecond. */
const RUN = 32

/**
 * A value as JSON, in pieces. Long lists in it are written in slices, so that
 * packets are relayed in between; what is short is one piece, written at once.
 */
export async function jsonPieces(value: unknown): Promise<string[]> {
  if (!isObject(value) || !Object.values(value).some(isLong)) return [JSON.stringify(value)]
  const pieces: string[] = []
  let between = '{'
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    const name = `${between}${JSON.stringify(key)}:`
    between = ','
    if (!isLong(member)) {
      pieces.push(name + JSON.stringify(member))
      continue
    }
    let before = `${name}[`
    const write = (run: readonly unknown[]) => {
      pieces.push(before + JSON.stringify(run).slice(1, -1))
      before = ','
    }
    await inSlices(runsOf(member), write, DEAR)
    pieces.push(']')
  }
  pieces.push('}')
  return pieces
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isLong(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > RUN
}

function* runsOf(items: readonly unknown[]): Generator<readonly unknown[]> {
  for (let at = 0; at < items.length; at += RUN) yield items.slice(at, at + RUN)
}
