/** How a browser reaches the relay. */
export type TestTransport = 'udp' | 'tcp' | 'tls'

export interface TestUri {
  readonly transport: TestTransport
  readonly port: number
  /** What stands between the brackets or before the port. */
  readonly host: string
}

/**
 * Reads `turn:host:port?transport=…` (RFC 7065). Undefined for anything else,
 * and for `turns:` over UDP: Chromium quietly makes TCP of it and Firefox
 * refuses it, so a test of it would tell nothing.
 */
export function readTestUri(uri: string): TestUri | undefined {
  const match = /^(turns?):(\[[0-9a-f:.]+\]|[^:?]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/i.exec(uri)
  if (!match) return undefined
  const [, scheme = '', host = '', port, over] = match
  const secure = scheme.toLowerCase() === 'turns'
  if (secure && over?.toLowerCase() === 'udp') return undefined
  const transport = secure ? 'tls' : over?.toLowerCase() === 'tcp' ? 'tcp' : 'udp'
  return { transport, host, port: port === undefined ? (secure ? 5349 : 3478) : Number(port) }
}
