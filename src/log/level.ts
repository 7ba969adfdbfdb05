/** How much is logged, least last. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
/** The level of a line. */
export type WritingLevel = Exclude<LogLevel, 'silent'>
/** `auto` is text on a terminal and in the journal, JSON elsewhere. */
export type LogFormat = 'auto' | 'json' | 'text'
