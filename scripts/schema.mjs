// Writes turnserver.schema.json, which editors complete and check turnserver.json with. Run after a build.
import { writeFileSync } from 'node:fs'
import { jsonSchema } from '../dist/config/json-schema.js'

writeFileSync(new URL('../turnserver.schema.json', import.meta.url), jsonSchema())
