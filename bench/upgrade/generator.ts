import { createHmac } from 'node:crypto'
import { Calls } from './calls.ts'

/*
 * The calls of this bench, in a process of their own: what the relay does, or what starts it, must not hold them up.
 * Asked by messages, and answers each with one.
 */

/** What the generator can be asked. */
export type Ask =
  | { readonly kind: 'start'; readonly port: number; readonly tlsPort: number; readonly secret: string }
  | { readonly kind: 'open'; readonly count: number }
  | { readonly kind: 'talk' | 'round' | 'outcome' | 'missing' | 'end' }

let calls: Calls | undefined

process.on('message', (ask: Ask) => {
  void answer(ask).then(
    value => process.send!({ value }),
    (error: Error) => process.send!({ error: error.message }),
  )
})
// It ends with the bench.
process.on('disconnect', () => process.exit())

async function answer(ask: Ask): Promise<unknown> {
  if (ask.kind === 'start') {
    const { port, tlsPort, secret } = ask
    const credentials = (user: string) => {
      const username = `${Math.floor(Date.now() / 1000) + 7200}:${user}`
      return { username, password: createHmac('sha1', secret).update(username).digest('base64') }
    }
    calls = new Calls({ port, tlsPort, credentials })
    return undefined
  }
  if (!calls) throw new Error('the generator has not been started')
  switch (ask.kind) {
    case 'open':
      await calls.open(ask.count)
      return calls.allocations
    case 'talk':
      return calls.talk()
    case 'round':
      return calls.round()
    case 'outcome':
      return calls.outcome()
    case 'missing':
      return calls.missing()
    case 'end':
      return calls.end()
  }
}
