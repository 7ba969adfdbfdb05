# Answers what comes to a UDP port, from the address it was asked at, as services on all addresses do,
# and prints it: `heard TEXT at ADDRESS`.
import select
import socket
import sys

port = int(sys.argv[1])
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
six.bind(('::', port))
four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
four.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
four.bind(('0.0.0.0', port))
print('listening', flush=True)
while True:
    for one in select.select([four, six], [], [])[0]:
        text, [(level, kind, info)], _, who = one.recvmsg(2000, 200)
        at = info[:16] if one is six else info[8:12]
        print('heard', text.decode(), 'at', socket.inet_ntop(one.family, at), flush=True)
        info = at + bytes(4) if one is six else bytes(4) + at * 2
        one.sendmsg([b'echo ' + text], [(level, kind, info)], 0, who)
