"""Two aiortc peers in one process that talk over the relay only. See session.ts for the arguments and the answer."""

import asyncio
import json
import sys
import time

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
)

PACE = 0.25
# Seconds that the last may take.
LATE = 3


class Listener:
    """Notes what arrives, and the longest time in which nothing did."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.longest = 0.0
        self.last: float | None = None

    def heard(self, message: str) -> None:
        now = time.monotonic()
        if message != "hello":
            self.numbers.add(int(message.split()[1]))
            self.longest = max(self.longest, now - self.last)
        self.last = now

    def missing(self, sent: int) -> list[int]:
        return [number for number in range(sent) if number not in self.numbers]


async def main(order: dict) -> dict:
    server = RTCIceServer(
        urls=f"turn:{order['host']}:{order['port']}?transport={order['transport']}",
        username=order["username"],
        credential=order["password"],
    )
    configuration = RTCConfiguration(
        iceServers=[server], iceTransportPolicy=RTCIceTransportPolicy.RELAY
    )
    alice, bob = RTCPeerConnection(configuration), RTCPeerConnection(configuration)
    listeners = [Listener(), Listener()]
    opened: asyncio.Future = asyncio.get_running_loop().create_future()
    to_bob = alice.createDataChannel("session", ordered=False, maxRetransmits=0)

    @bob.on("datachannel")
    def on_datachannel(channel) -> None:
        channel.on("message", listeners[1].heard)
        opened.set_result(channel)

    to_bob.on("message", listeners[0].heard)
    await alice.setLocalDescription(await alice.createOffer())
    await bob.setRemoteDescription(alice.localDescription)
    await bob.setLocalDescription(await bob.createAnswer())
    await alice.setRemoteDescription(bob.localDescription)
    to_alice = await asyncio.wait_for(opened, 30)
    while to_bob.readyState != "open":
        await asyncio.sleep(0.05)

    while any(listener.last is None for listener in listeners):
        for channel in (to_bob, to_alice):
            channel.send("hello")
        await asyncio.sleep(PACE)

    sent = 0
    end = time.monotonic() + order["seconds"]
    while time.monotonic() < end:
        for channel in (to_bob, to_alice):
            channel.send(f"payload {sent}")
        sent += 1
        await asyncio.sleep(PACE)
    await asyncio.sleep(LATE)
    answer = {
        "sent": sent,
        "missing": [listeners[1].missing(sent), listeners[0].missing(sent)],
        "longestGap": [listeners[1].longest, listeners[0].longest],
    }
    await asyncio.wait_for(asyncio.gather(alice.close(), bob.close()), 10)
    return answer


print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
