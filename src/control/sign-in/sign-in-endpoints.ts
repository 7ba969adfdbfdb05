import { fault, okAnswer } from '../answer.ts'
import { type ApiEndpoint, note } from '../call.ts'
import { signedOutShape, signInInfoShape, signInsShape } from './sign-in-shapes.ts'

/** Who is let in for a while, and how that ends. */
export const SIGN_IN_ENDPOINTS: readonly ApiEndpoint[] = [
  {
    method: 'GET',
    path: '/sign-in',
    needs: 'nobody',
    summary: 'The ways to sign in to the console.',
    answers: signInInfoShape,
    answer: (_, { provider }) => {
      const oidc = provider?.()
      return okAnswer(oidc === undefined ? {} : { oidc })
    },
  },
  {
    method: 'GET',
    path: '/sign-ins',
    needs: 'read',
    summary:
      'Links into the console and sign-ins that are good now. Tokens of the configuration are not among them.',
    answers: signInsShape,
    answer: ({ visitor }, { tokens }) =>
      okAnswer({ signIns: tokens.signIns().map(one => ({ ...one, own: one.id === visitor.signIn })) }),
  },
  {
    method: 'POST',
    path: '/sign-ins/{id}/revoke',
    needs: 'act',
    act: 'revoke',
    summary: 'Ends a link or a sign-in; its consoles close within a second.',
    answers: signedOutShape,
    answer: ({ visitor, params }, desk) => {
      const signIn = desk.tokens.signIns().find(({ id }) => id === params.id)
      const ended = desk.tokens.revoke(params.id!)
      note(desk, visitor, 'revoke', ended ? 'done' : 'failed', signIn?.who ?? params.id)
      return ended ? okAnswer({ ended }) : fault(404, 'noSignIn')
    },
  },
  {
    method: 'POST',
    path: '/sign-out',
    needs: 'read',
    summary: 'Ends the link or the sign-in that this is asked with; a token of the configuration stays good.',
    answers: signedOutShape,
    answer: ({ visitor }, { tokens }) =>
      okAnswer({ ended: visitor.signIn !== undefined && tokens.revoke(visitor.signIn) }),
  },
]
