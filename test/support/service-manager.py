"""A service manager, as far as a service sees of one.

    service-manager.py [TRANSPORT://HOST:PORT ...] -- COMMAND...

Binds the sockets and starts the command with them (LISTEN_FDS) and with a socket to tell of itself (NOTIFY_SOCKET).
Prints `pid N`, then each message that comes, its lines joined by ` | `, and at the end `exit N`. Where another process
has become the main one (MAINPID), that one is watched from then on.
"""
import os
import select
import signal
import socket
import sys
import tempfile
from urllib.parse import urlsplit


def bind(spec):
    url = urlsplit(spec)
    family = socket.AF_INET6 if ":" in url.hostname else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_DGRAM if url.scheme == "udp" else socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    bound.bind((url.hostname, url.port))
    if url.scheme != "udp":
        bound.listen(64)
    return bound


split = sys.argv.index("--")
sockets = [bind(spec) for spec in sys.argv[1:split]]
folder = tempfile.mkdtemp()
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(folder + "/notify")

child = os.fork()
if child == 0:
    # First out of the way, then to where the service looks for them.
    high = [os.dup2(bound.fileno(), 60 + i) for i, bound in enumerate(sockets)]
    for i, fd in enumerate(high):
        os.dup2(fd, 3 + i, inheritable=True)
    os.environ["NOTIFY_SOCKET"] = folder + "/notify"
    if sockets:
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.environ["LISTEN_FDS"] = str(len(sockets))
        os.environ["LISTEN_FDNAMES"] = ":".join("listener-%d" % i for i in range(len(sockets)))
    os.execvp(sys.argv[split + 1], sys.argv[split + 1 :])


def end(*_):
    os.kill(main, signal.SIGCONT)
    os.kill(main, signal.SIGTERM)


signal.signal(signal.SIGTERM, end)
print("pid %d" % child, flush=True)
ended = os.pidfd_open(child)
main = child
while True:
    ready, _, _ = select.select([notify, ended], [], [])
    if notify in ready:
        lines = notify.recv(4096).decode().split("\n")
        print(" | ".join(lines), flush=True)
        for line in lines:
            # The service says that another process is the main one, which systemd takes from the main process.
            if line.startswith("MAINPID="):
                main = int(line.removeprefix("MAINPID="))
                ended = os.pidfd_open(main)
    else:
        break
os.unlink(folder + "/notify")
os.rmdir(folder)
# What became of another main process is only for its parent, or init, to know.
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print("exit %d" % code if main == child else "main process ended; the first exited with %d" % code, flush=True)
