declare module 'node-stun' {
  /** An RFC 3489 client. Only what the tests use. */
  export interface Client {
    setLocalAddr(address: string): void
    setServerAddr(address: string, port: number): void
    start(done: (result: number) => void): void
    close(closed: () => void): void
    /** Both members are 0 until the first Binding response. */
    getMappedAddr(): { address: string | 0; port: number }
    /** Its retransmissions, which close() leaves running on the closed socket. */
    readonly _intervalId: NodeJS.Timeout
  }
  const stun: { createClient(): Client }
  export default stun
}
