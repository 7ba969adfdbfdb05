"""Sends datagrams with any source address, straight onto a wire.

    python3 spoof.py DEVICE OWN_MAC PEER_MAC < lines

Each line is SOURCE DESTINATION PORT PAYLOAD; addresses are IPv4 or IPv6 without brackets.
"""
import socket
import struct
import sys
import time


def checksum(octets):
    octets += b'\0' * (len(octets) % 2)
    total = sum(struct.unpack(f'!{len(octets) // 2}H', octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(text):
    return bytes.fromhex(text.replace(':', ''))


device, own, peer = sys.argv[1:4]
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((device, 0))
for line in sys.stdin:
    source, destination, port, payload = line.split()
    payload = payload.encode()
    family = socket.AF_INET6 if ':' in source else socket.AF_INET
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    length = 8 + len(payload)
    udp = struct.pack('!HHHH', 40000, int(port), length, 0)
    pseudo = ends + (struct.pack('!IHBB', length, 0, 0, 17) if ':' in source else struct.pack('!BBH', 0, 17, length))
    udp = struct.pack('!HHHH', 40000, int(port), length, checksum(pseudo + udp + payload) or 0xFFFF)
    if ':' in source:
        ip = struct.pack('!IHBB', 6 << 28, length, 17, 64) + ends
        kind = 0x86DD
    else:
        ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + length, 0, 0, 64, 17, 0) + ends
        ip = ip[:10] + struct.pack('!H', checksum(ip)) + ip[12:]
        kind = 0x0800
    # What a socket buffer takes, so that only rules lose anything.
    time.sleep(0.0005)
    wire.send(mac(peer) + mac(own) + struct.pack('!H', kind) + ip + udp + payload)
