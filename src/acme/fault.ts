import type { WaitingText } from '../texts/waiting.ts'

/** Why there is no certificate, in a sentence that says what to do. */
export class AcmeError extends Error {
  readonly fault: WaitingText
  /** Seconds after which the authority wants to be asked again. */
  readonly patience: number

  constructor(fault: WaitingText, patience = 0) {
    super(fault.key)
    this.name = 'AcmeError'
    this.fault = fault
    this.patience = patience
  }
}

/** A problem document of the authority (RFC 8555 §6.7), as far as it could be read. */
export interface AcmeProblem {
  readonly type: string
  readonly detail: string
}

export type ProofWay = 'http-01' | 'tls-alpn-01'

/** The port outside that an authority comes to (RFC 8555 §8.3, RFC 8737 §3). */
const PORTS: Readonly<Record<ProofWay, number>> = { 'http-01': 80, 'tls-alpn-01': 443 }
const LONGEST_DETAIL = 300

/** Reads a problem document. What it says is foreign, so it is one line, and cut where it is long. */
export function problemOf(value: unknown): AcmeProblem {
  const { type, detail } = (value ?? {}) as Record<string, unknown>
  return {
    type: lineOf(type).replace(/^urn:ietf:params:acme:error:/, ''),
    detail: lineOf(detail),
  }
}

/** A text that is shown on terminals and pages, in logs and in mails. */
function lineOf(value: unknown): string {
  if (typeof value !== 'string') return ''
  const line = value.slice(0, LONGEST_DETAIL).replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
  return line.trim()
}

/** Says why a request was refused. */
export function whyRefusedBy({ type, detail }: AcmeProblem, authority: string, status: number): WaitingText {
  const values = { authority, detail: detail || type || `HTTP ${status}` }
  switch (type) {
    case 'rateLimited':
      return { key: 'acme.rateLimited', values }
    case 'externalAccountRequired':
      return { key: 'acme.externalAccount', values }
    case 'invalidContact':
    case 'unsupportedContact':
      return { key: 'acme.contact', values }
    case 'rejectedIdentifier':
    case 'unsupportedIdentifier':
      return { key: 'acme.name', values }
    case 'caa':
      return { key: 'acme.caa', values }
    default:
      return { key: 'acme.refused', values }
  }
}

/** Says why the authority does not believe that a name is ours, and what to open. */
export function unproved(problem: AcmeProblem, name: string, way: ProofWay, authority: string): WaitingText {
  const { type, detail } = problem
  const values = { name, authority, port: PORTS[way], detail: detail || type }
  switch (type) {
    case 'connection':
      return { key: 'acme.connection', values }
    case 'dns':
      return { key: 'acme.dns', values }
    case 'unauthorized':
    case 'incorrectResponse':
    case 'tls':
      return { key: way === 'http-01' ? 'acme.otherHttp' : 'acme.otherTls', values }
    default:
      return whyRefusedBy(problem, authority, 0)
  }
}
