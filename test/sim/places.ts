import { parseAddress } from '../../src/base/address.ts'

export const REALM = 'example.org'
/** Where the server listens. */
export const SERVER = {
  4: parseAddress('203.0.113.1:3478')!,
  6: parseAddress('[2001:db8:cafe::1]:3478')!,
} as const
