"""A service manager, as far as a service sees of one.

    service-manager.py [TRANSPORT://HOST:PORT ...] -- COMMAND...

Binds the sockets and starts the command with them (LISTEN_FDS) and with a socket to tell of itself (NOTIFY_SOCKET).
Prints `pid N`, then each message that comes, its lines joined by ` | `, and at the end `exit N`. Where another process
has become the main one (MAINPID), that one is watched from then on.

With STORE in its environment it keeps descriptors (FDSTORE) for the next process. It starts one after SIGHUP, which
first ends the one that runs as `systemctl restart` does, and where that has failed, as Restart=on-failure does.
"""
import os
import select
import signal
import socket
import sys
import tempfile
import time
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
listeners = [(bind(spec), "listener-%d" % i) for i, spec in enumerate(sys.argv[1:split])]
folder = tempfile.mkdtemp()
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(folder + "/notify")
has_store = "STORE" in os.environ
# Descriptors by name. As with systemd there may be several of one name.
store = []


def start():
    child = os.fork()
    if child != 0:
        print("pid %d" % child, flush=True)
        return child
    passed = [(bound.fileno(), name) for bound, name in listeners] + store
    # First out of the way, then to where the service looks for them.
    high = [os.dup2(fd, 60 + i) for i, (fd, name) in enumerate(passed)]
    for i, fd in enumerate(high):
        os.dup2(fd, 3 + i, inheritable=True)
        os.close(fd)
    os.environ["NOTIFY_SOCKET"] = folder + "/notify"
    if has_store:
        os.environ["FDSTORE"] = "8"
    if passed:
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.environ["LISTEN_FDS"] = str(len(passed))
        os.environ["LISTEN_FDNAMES"] = ":".join(name for fd, name in passed)
    os.execvp(sys.argv[split + 1], sys.argv[split + 1 :])


def hear():
    global main, ended
    message, fds, _, _ = socket.recv_fds(notify, 4096, 8)
    lines = message.decode().split("\n")
    print(" | ".join(lines), flush=True)
    said = dict(line.split("=", 1) for line in lines)
    # The service says that another process is the main one, which systemd takes from the main process.
    if "MAINPID" in said:
        main = int(said["MAINPID"])
        ended = os.pidfd_open(main)
    if "FDSTOREREMOVE" in said:
        for entry in [entry for entry in store if entry[1] == said["FDNAME"]]:
            store.remove(entry)
            os.close(entry[0])
    if "FDSTORE" in said and has_store:
        store.extend((fd, said["FDNAME"]) for fd in fds)
    else:
        for fd in fds:
            os.close(fd)


def end(*_):
    os.kill(main, signal.SIGCONT)
    os.kill(main, signal.SIGTERM)


def restart(*_):
    global is_restart
    is_restart = True
    end()


signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGHUP, restart)
while True:
    is_restart = False
    child = main = start()
    ended = os.pidfd_open(child)
    while True:
        ready, _, _ = select.select([notify, ended], [], [])
        if notify in ready:
            hear()
        else:
            break
    # What became of another main process is only for its parent, or init, to know.
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print("exit %d" % code if main == child else "main process ended; the first exited with %d" % code, flush=True)
    if not has_store or not (is_restart or code != 0):
        break
    time.sleep(0.1)
    print("kept %d" % len(store), flush=True)
os.unlink(folder + "/notify")
os.rmdir(folder)
