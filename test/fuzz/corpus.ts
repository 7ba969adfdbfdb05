import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Reads the corpus of a target: a file of base64, one input a line. Empty where there is none. */
export function readCorpus(folder: string, target: string): Buffer[] {
  const file = fileOf(folder, target)
  if (!existsSync(file)) return []
  return readFileSync(file, 'latin1')
    .split('\n')
    .filter(line => line !== '')
    .map(line => Buffer.from(line, 'base64'))
}

export function writeCorpus(folder: string, target: string, inputs: readonly Buffer[]): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(fileOf(folder, target), inputs.map(input => `${input.toString('base64')}\n`).join(''))
}

function fileOf(folder: string, target: string): string {
  return join(folder, `${target}.txt`)
}
