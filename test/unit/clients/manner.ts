/** How a client writes its requests. */
export interface Manner {
  /** The order in which its credentials stand. */
  readonly credentials: readonly ('USERNAME' | 'REALM' | 'NONCE')[]
  /** Where its SOFTWARE stands, and what it says. */
  readonly software?: { readonly text: string; readonly at: 'front' | 'back' }
  readonly fingerprint: boolean
  /**
   * How it answers an offer of PASSWORD-ALGORITHMS: not at all, as clients of RFC 5389 do; with
   * MD5 and MESSAGE-INTEGRITY (P-07); or with SHA-256, as RFC 8489 §9.2.5 wants it.
   */
  readonly algorithms: 'ignored' | 'md5' | 'sha256'
  /** Pads ChannelData over UDP as well. */
  readonly padded?: boolean
  /** Signs again under the same transaction id after a challenge, which RFC 8489 §9.2.5 does not want. */
  readonly keepsTransaction?: boolean
}
