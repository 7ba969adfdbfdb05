#!/usr/bin/env node
import { Questions } from '../system/questions.ts'
import { main } from './program.ts'

// On stderr, since stdout is for what was asked for.
const questions = new Questions(process.stdin, process.stderr)

// A reader that has seen enough is not a failure: `taciturn snippet | head -1`.
const unread = new AbortController()
process.stdout.on('error', error => {
  if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  unread.abort()
})

process.exitCode = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  unread: unread.signal,
  ...(process.stdin.isTTY &&
    process.stderr.isTTY && {
      ask: question => questions.ask(question),
      askSecret: question => questions.askSecret(question),
    }),
})
questions.close()
