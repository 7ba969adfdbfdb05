// Asks a STUN or TURN server how it sees this machine: node stun-query.mjs stun:stun.example.org:3478
import { query } from 'taciturn/client'

const uri = process.argv[2] ?? 'stun:127.0.0.1:3478'
const { address, port } = await query(uri)
console.log(`${uri} sees ${address}:${port}`)
