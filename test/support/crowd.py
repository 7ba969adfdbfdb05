"""Opens connections from many addresses, and lets the server wait.

    python3 crowd.py KIND HOST PORT FIRST-SOURCE SOURCES MOST-OPEN [FIRST-OCTETS-HEX]

KIND `connects`: opens and closes as fast as it can. `slow`: keeps MOST-OPEN connections, each of which sends the first octets,
and then one octet a second. `half`: sends the first octets, which should begin something, says nothing more, and opens
another after a second. What the server closes is opened anew. Every second it prints what it has done so far.
"""
import ipaddress
import resource
import selectors
import socket
import sys
import time

kind, host, port, first, sources, most = sys.argv[1:7]
greeting = bytes.fromhex(sys.argv[7]) if len(sys.argv) > 7 else b''
first = int(ipaddress.ip_address(first))
sources, most = int(sources), int(most)
resource.setrlimit(resource.RLIMIT_NOFILE, (most + 100, max(most + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
selector = selectors.DefaultSelector()
opened = closed = refused = 0
alive = {}
report = time.monotonic()


def begin():
    global opened
    one = socket.socket()
    one.setblocking(False)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    one.bind((str(ipaddress.ip_address(first + opened % sources)), 0))
    opened += 1
    try:
        one.connect((host, int(port)))
    except BlockingIOError:
        pass
    selector.register(one, selectors.EVENT_WRITE)
    alive[one] = time.monotonic()


def end(one):
    selector.unregister(one)
    alive.pop(one)
    one.close()


while True:
    for _ in range(min(100, most - len(alive))):
        begin()
    now = time.monotonic()
    for key, events in selector.select(0.05):
        one = key.fileobj
        try:
            if events & selectors.EVENT_WRITE:
                one.send(greeting or b'')
                if kind == 'connects':
                    end(one)
                    closed += 1
                    continue
                selector.modify(one, selectors.EVENT_READ)
                alive[one] = now
            elif not one.recv(4096):
                raise ConnectionResetError
        except (ConnectionError, TimeoutError, OSError):
            refused += 1
            end(one)
    if now - report >= 1:
        report = now
        for one, since in list(alive.items()):
            if now - since < 1:
                continue
            try:
                if kind == 'slow':
                    one.send(b'\0')
                elif kind == 'half':
                    end(one)
                    closed += 1
            except OSError:
                refused += 1
                end(one)
        print(f'opened {opened} closed {closed} refused {refused} alive {len(alive)}', flush=True)
