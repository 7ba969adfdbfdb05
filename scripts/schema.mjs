// Writes turnserver.schema.json, which editors complete and check turnserver.json with, and turnserver.example.json.
// Run after a build.
import { writeFileSync } from 'node:fs'
import { exampleFile } from '../dist/config/schema/example.js'
import { jsonSchema } from '../dist/config/schema/json-schema.js'

const root = new URL('../', import.meta.url)
writeFileSync(new URL('turnserver.schema.json', root), jsonSchema())
writeFileSync(new URL('turnserver.example.json', root), exampleFile())
