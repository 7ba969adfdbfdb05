/* A relay as it is, but for SIGUSR2, on which something throws that nothing catches. */
process.on('SIGUSR2', () => {
  throw new Error('asked to')
})
await import('../../dist/cli/main.js')
