import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { failed, type Result, succeeded } from '../../base/result.ts'

/** What this machine used between two moments, or why that is not known. */
export type Energy =
  | { readonly kind: 'measured'; readonly joules: number; readonly source: 'rapl' | 'pmic' }
  | { readonly kind: 'unknown'; readonly why: 'no-meter' | 'no-permission' }

/** Measures from its making until `stop`. */
export interface EnergyMeter {
  stop(): Promise<Energy>
}

const RAPL = '/sys/class/powercap'
/** Milliseconds between two looks at a meter that shows power rather than energy. */
const SAMPLE = 500

/** Starts the best meter that this machine has. Never guesses: without one, the answer is `unknown`. */
export async function startMeter(): Promise<EnergyMeter> {
  const rapl = readRapl()
  if (!rapl.ok && rapl.error === 'no-permission') return unknown('no-permission')
  if (rapl.ok) {
    return {
      async stop() {
        const after = readRapl()
        if (!after.ok) return { kind: 'unknown', why: 'no-meter' }
        return { kind: 'measured', joules: joulesBetween(rapl.value, after.value), source: 'rapl' }
      },
    }
  }
  const watts = await readPmic()
  return watts === undefined ? unknown('no-meter') : pmicMeter(watts)
}

/** A RAPL package: microjoules that count up to `range` and begin again. */
export interface RaplZone {
  readonly name: string
  readonly microjoules: number
  readonly range: number
}

/** Joules between two readings; a counter that went round once is understood. */
export function joulesBetween(before: readonly RaplZone[], after: readonly RaplZone[]): number {
  let microjoules = 0
  for (const zone of after) {
    const earlier = before.find(one => one.name === zone.name)
    if (!earlier) continue
    const used = zone.microjoules - earlier.microjoules
    microjoules += used >= 0 ? used : used + zone.range
  }
  return microjoules / 1e6
}

/** Adds up the power of all rails in the output of `vcgencmd pmic_read_adc` on a Raspberry Pi 5, in watts. */
export function pmicWatts(output: string): number | undefined {
  const amperes = new Map<string, number>()
  let watts: number | undefined
  for (const [, rail, value, unit] of output.matchAll(/^\s*(\w+)_[AV] \w+\(\d+\)=([\d.]+)([AV])/gm)) {
    if (unit === 'A') amperes.set(rail!, Number(value))
    else if (amperes.has(rail!)) watts = (watts ?? 0) + Number(value) * amperes.get(rail!)!
  }
  return watts
}

/** The packages, which contain their cores and memory controllers. */
function readRapl(): Result<readonly RaplZone[], 'no-permission' | 'no-meter'> {
  let names: string[]
  try {
    names = readdirSync(RAPL).filter(name => /^intel-rapl:\d+$/.test(name))
  } catch {
    return failed('no-meter')
  }
  if (names.length === 0) return failed('no-meter')
  try {
    const number = (name: string, file: string) => Number(readFileSync(`${RAPL}/${name}/${file}`, 'latin1'))
    return succeeded(
      names.map(name => ({
        name,
        microjoules: number(name, 'energy_uj'),
        range: number(name, 'max_energy_range_uj'),
      })),
    )
  } catch (error) {
    return failed((error as NodeJS.ErrnoException).code === 'EACCES' ? 'no-permission' : 'no-meter')
  }
}

function readPmic(): Promise<number | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'arm64') return Promise.resolve(undefined)
  return new Promise(resolve => {
    execFile('vcgencmd', ['pmic_read_adc'], { timeout: 2000 }, (error, output) => {
      resolve(error ? undefined : pmicWatts(output))
    })
  })
}

function pmicMeter(first: number): EnergyMeter {
  let joules = 0
  let watts = first
  let at = performance.now()
  const sample = async () => {
    const next = await readPmic()
    const now = performance.now()
    joules += (((next ?? watts) + watts) / 2) * ((now - at) / 1000)
    watts = next ?? watts
    at = now
  }
  const timer = setInterval(sample, SAMPLE)
  return {
    async stop() {
      clearInterval(timer)
      await sample()
      return { kind: 'measured', joules, source: 'pmic' }
    },
  }
}

function unknown(why: 'no-meter' | 'no-permission'): EnergyMeter {
  return { stop: async () => ({ kind: 'unknown', why }) }
}
