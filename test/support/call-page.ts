/** What the page measured at one moment of a call, of both ends together. */
export interface Sample {
  readonly at: number
  readonly videoBytes: readonly [number, number]
  readonly audioBytes: readonly [number, number]
  readonly frames: readonly [number, number]
  /** Messages that went over the data channel and came back. */
  readonly echoes: number
}

/** One end of the selected candidate pair. */
export interface End {
  readonly type: string
  readonly address: string
  readonly port: number
}

export interface Call {
  readonly samples: readonly Sample[]
  /** The selected pair as the caller and as the callee see it. */
  readonly pairs: readonly { readonly local: End; readonly remote: End }[]
  readonly sent: number
  readonly state: readonly string[]
}

/**
 * A page with two peer connections that may only use relayed candidates. Its
 * `call(iceServer, seconds)` sends the fake camera and microphone both ways
 * and lets messages bounce on a data channel, then returns a `Call`.
 */
export const CALL_PAGE = `<!doctype html>
<meta charset="utf-8">
<title>call</title>
<video id="seen" autoplay muted playsinline></video>
<script>
'use strict'

async function call(iceServer, seconds) {
  const configuration = { iceServers: [iceServer], iceTransportPolicy: 'relay' }
  const ends = [new RTCPeerConnection(configuration), new RTCPeerConnection(configuration)]
  const [caller, callee] = ends
  const media = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 }, audio: true })
  try {
    caller.onicecandidate = event => { if (event.candidate) callee.addIceCandidate(event.candidate) }
    callee.onicecandidate = event => { if (event.candidate) caller.addIceCandidate(event.candidate) }
    callee.ontrack = event => { document.getElementById('seen').srcObject = event.streams[0] }
    callee.ondatachannel = event => {
      const echo = event.channel
      echo.onmessage = message => echo.send(message.data)
    }
    for (const end of ends) for (const track of media.getTracks()) end.addTrack(track, media)
    const chat = caller.createDataChannel('chat')
    const opened = new Promise((resolve, reject) => {
      chat.onopen = resolve
      setTimeout(() => reject(new Error('no data channel; ICE is ' + ends.map(end => end.iceConnectionState))), 20000)
    })
    let sent = 0
    let echoes = 0
    chat.onmessage = message => { if (message.data === 'message ' + (echoes + 1)) echoes++ }

    await caller.setLocalDescription(await caller.createOffer())
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription(await callee.createAnswer())
    await caller.setRemoteDescription(callee.localDescription)
    await opened

    const talk = setInterval(() => chat.send('message ' + ++sent), 100)
    const samples = []
    for (let i = 0; i < seconds; i += 2) {
      await new Promise(resolve => setTimeout(resolve, 2000))
      samples.push({ at: i + 2, echoes, ...await received(ends) })
    }
    clearInterval(talk)
    for (let wait = 0; wait < 100 && echoes < sent; wait++) await new Promise(resolve => setTimeout(resolve, 50))
    const pairs = await Promise.all(ends.map(selectedPair))
    samples.push({ at: seconds + 1, echoes, ...await received(ends) })
    return { samples, pairs, sent, state: ends.map(end => end.iceConnectionState) }
  } finally {
    for (const track of media.getTracks()) track.stop()
    for (const end of ends) end.close()
  }
}

async function received(ends) {
  const sums = { videoBytes: [0, 0], audioBytes: [0, 0], frames: [0, 0] }
  for (const [i, end] of ends.entries()) {
    for (const entry of (await end.getStats()).values()) {
      if (entry.type !== 'inbound-rtp') continue
      if (entry.kind === 'audio') sums.audioBytes[i] += entry.bytesReceived
      if (entry.kind !== 'video') continue
      sums.videoBytes[i] += entry.bytesReceived
      sums.frames[i] += entry.framesDecoded ?? 0
    }
  }
  return sums
}

async function selectedPair(end) {
  const stats = await end.getStats()
  const entries = [...stats.values()]
  const transport = entries.find(entry => entry.type === 'transport' && entry.selectedCandidatePairId)
  const pair = transport
    ? stats.get(transport.selectedCandidatePairId)
    : entries.find(entry => entry.type === 'candidate-pair' && entry.selected)
  const describe = id => {
    const candidate = stats.get(id)
    return { type: candidate.candidateType, address: candidate.address, port: candidate.port }
  }
  return { local: describe(pair.localCandidateId), remote: describe(pair.remoteCandidateId) }
}
</script>
`
