import { z } from 'zod'

/* How people sign in to the console, described as in `../shapes.ts`. */

export const signInInfoShape = z.strictObject({
  oidc: z.string().exactOptional().describe('Host of the provider; absent where there is none.'),
})

const signInShape = z.strictObject({
  id: z.string().describe('Names it, for revoking it.'),
  who: z.string().describe('As in the access log.'),
  by: z
    .enum(['link', 'oidc'])
    .describe('`link`: a link of `taciturn console`; `oidc`: an account at the provider.'),
  rights: z.enum(['read', 'act']).describe('What it allows.'),
  made: z.number().describe('When it was made, in milliseconds since the epoch.'),
  expires: z.number().describe('When it ends by itself, in milliseconds since the epoch.'),
  own: z.boolean().describe('True for the one that this is asked with.'),
})
export const signInsShape = z.strictObject({
  signIns: z.array(signInShape).describe('The oldest first.'),
})
export const signedOutShape = z.strictObject({
  ended: z.boolean().describe('False: there was nothing to end.'),
})
