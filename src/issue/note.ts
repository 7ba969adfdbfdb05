/** How a credential was asked for; by `usage-link` it is a link to the page about one's own use. */
export type IssueWay = 'rest' | 'stand-in' | 'openid' | 'usage-link'

/** What became of a request. */
export type IssueOutcome = 'issued' | 'refused' | 'nothing' | 'limited' | 'failed' | 'bad-request'

/** A fact for log and metrics. It never holds a token, a key or a password. */
export interface IssueNote {
  readonly way: IssueWay
  readonly outcome: IssueOutcome
  /** Name of the homeserver as it is configured, where one was found. */
  readonly homeserver?: string
  readonly user?: string
  /** Who asked by TURN REST. */
  readonly backend?: string
  /** A sentence of the program; what others sent stands in it at most as a server name. */
  readonly why?: string
}
