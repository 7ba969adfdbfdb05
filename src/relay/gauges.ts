/** How much of everything a shard holds just now. */
export interface Gauges {
  readonly sockets: number
  readonly connections: number
  /** Connections of visitors of the web server that a port is shared with. */
  readonly visitors: number
  /** Relay ports. */
  readonly ports: number
  /** Faults of the program that were caught since the start. */
  readonly faults: number
  /** Threads whose memory is nearly full. */
  readonly shortOfMemory: number
  /** Routes that the kernel relays along by itself. */
  readonly kernelRoutes: number
}

const NAMES = [
  'sockets',
  'connections',
  'visitors',
  'ports',
  'faults',
  'shortOfMemory',
  'kernelRoutes',
] as const

/** Octets of memory for the gauges of one shard. */
export const GAUGES_OCTETS = NAMES.length * 8

export function writeGauges(memory: SharedArrayBuffer, gauges: Gauges): void {
  const values = new Float64Array(memory)
  for (const [i, name] of NAMES.entries()) values[i] = gauges[name]
}

export function readGauges(memory: SharedArrayBuffer): Gauges {
  const values = new Float64Array(memory)
  const [sockets, connections, visitors, ports, faults, shortOfMemory, kernelRoutes] = values
  return {
    sockets: sockets!,
    connections: connections!,
    visitors: visitors!,
    ports: ports!,
    faults: faults!,
    shortOfMemory: shortOfMemory!,
    kernelRoutes: kernelRoutes!,
  }
}

export function sumGauges(parts: Iterable<Gauges>): Gauges {
  const sum = {
    sockets: 0,
    connections: 0,
    visitors: 0,
    ports: 0,
    faults: 0,
    shortOfMemory: 0,
    kernelRoutes: 0,
  }
  for (const part of parts) for (const name of NAMES) sum[name] += part[name]
  return sum
}
