/** What of a LiveKit configuration concerns a relay beside it. */
export interface LivekitConfig {
  readonly servers: readonly { readonly host?: string; readonly secret?: string }[]
  /** The UDP ports that LiveKit itself uses. */
  readonly ports?: { readonly from: number; readonly to: number }
}

/**
 * Reads `rtc.turn_servers` and the port range out of livekit.yaml. This is not
 * a YAML parser: it reads the block and the flow style that manuals show, line
 * by line, and takes no notice of anything else.
 */
export function readLivekit(yaml: string): LivekitConfig {
  const lines = yaml.split(/\r?\n/).map(line => line.replace(/(^|\s)#.*$/, ''))
  const from = numberOf(lines, 'port_range_start')
  const to = numberOf(lines, 'port_range_end')
  const start = lines.findIndex(line => /^\s*turn_servers:\s*/.test(line))
  const servers = start < 0 ? [] : readServers(lines, start)
  return { servers, ...(from !== undefined && to !== undefined && { ports: { from, to } }) }
}

function readServers(lines: readonly string[], start: number): { host?: string; secret?: string }[] {
  const depth = indent(lines[start]!)
  const servers: Record<string, string>[] = []
  for (const line of lines.slice(start + 1)) {
    if (line.trim() === '') continue
    const isItem = line.trim().startsWith('-')
    if (indent(line) < depth || (indent(line) === depth && !isItem)) break
    if (isItem) servers.push({})
    const server = servers.at(-1)
    if (!server) continue
    const body = line.trim().replace(/^-\s*/, '')
    const pairs = body.startsWith('{') ? body.replace(/^\{|\}$/g, '').split(',') : [body]
    for (const pair of pairs) {
      const [, key, value] = /^\s*"?(\w+)"?\s*:\s*(.*?)\s*$/.exec(pair) ?? []
      if (key !== undefined && value !== undefined) server[key] = unquoted(value)
    }
  }
  return servers.map(({ host, secret }) => ({ ...(host && { host }), ...(secret && { secret }) }))
}

function numberOf(lines: readonly string[], key: string): number | undefined {
  for (const line of lines) {
    const [, value] = new RegExp(`^\\s*${key}:\\s*([0-9]+)\\s*$`).exec(line) ?? []
    if (value !== undefined) return Number(value)
  }
  return undefined
}

function indent(line: string): number {
  return line.length - line.trimStart().length
}

function unquoted(value: string): string {
  return value.replace(/^(["'])(.*)\1$/, '$2')
}
