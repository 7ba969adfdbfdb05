"""Counts datagrams that carry a marker, as they pass the interfaces of this network namespace.

    python3 sniffer.py IN|OUT

IN counts what arrives, OUT what leaves. A marker is a payload that begins with "probe-" and goes on to its end. Whenever
"fence-..." passes in the same direction, one line of JSON is printed: how often each marker was seen, and the fence.
"""
import json
import socket
import sys

ETH_P_ALL = 3
PACKET_OUTGOING = 4
outgoing = sys.argv[1] == 'OUT'
seen = {}
wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
wire.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)  # SO_RCVBUFFORCE
print('sniffing', flush=True)
while True:
    packet, (_, protocol, kind, *_) = wire.recvfrom(65536)
    if (kind == PACKET_OUTGOING) != outgoing:
        continue
    if protocol == 0x0800 and len(packet) >= 28 and packet[9] == 17:
        payload = packet[(packet[0] & 15) * 4 + 8:]
    elif protocol == 0x86DD and len(packet) >= 48 and packet[6] == 17:
        payload = packet[48:]
    else:
        continue
    if payload.startswith(b'probe-'):
        # Datagrams to one destination may still be one packet here, to be cut by the interface (GSO).
        for rest in payload.decode('latin1').split('probe-')[1:]:
            seen['probe-' + rest] = seen.get('probe-' + rest, 0) + 1
    elif payload.startswith(b'fence-'):
        print(json.dumps({'seen': seen, 'fence': payload.decode('latin1')}), flush=True)
