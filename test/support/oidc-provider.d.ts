/** What the tests use of oidc-provider, which comes without types. */
declare module 'oidc-provider' {
  import type { Server } from 'node:http'

  export class Provider {
    constructor(issuer: string, configuration: object)
    listen(port: number, host: string, done: () => void): Server
  }
}
