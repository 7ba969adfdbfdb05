// `tsc` writes plain files; the program that package.json names in `bin` must be executable.
import { chmodSync } from 'node:fs'

chmodSync(new URL('../dist/cli/main.js', import.meta.url), 0o755)
