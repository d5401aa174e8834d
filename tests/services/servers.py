# SPDX-License-Identifier: BSD-2-Clause
"""Real servers, each with a configuration of its own in a scratch folder, in the foreground, as one process to end."""
import glob
import os
import signal
import subprocess

from world import TIME_SCALE, WORLD, run, wait_for

UNPRIVILEGED = "nobody"
STOP_SECONDS = 20 * TIME_SCALE


def postgres_program(name):
    """Debian keeps PostgreSQL's programs by version, off the path."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found[-1] if found else name


class Server:
    """What every server has: it is started, waits on its port, and is stopped; it can be started again."""

    name, port, protocol = "", 0, "tcp"
    stop_signal = signal.SIGTERM

    def __init__(self, end):
        self.end, self.process = end, None
        self.folder = WORLD.folder(self.name)
        self.prepare()

    def prepare(self):
        """What is made once."""

    def command(self):
        raise NotImplementedError

    def start(self):
        """Returns as soon as the kernel says that a socket waits, whatever the server still has to do."""
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen(self.end.command(*self.command()), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        wait_for(self.is_waiting, f"{self.name} does not listen; it said:\n{self.said()}")
        return self

    def is_waiting(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}; it said:\n{self.said()}")
        return self.end.waits(self.protocol, self.port)

    def stop(self):
        """Returns when the process is gone, and its socket with it."""
        if self.process is None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def said(self):
        with open(self.path("log"), errors="replace") as log:
            return log.read()


class Ssh(Server):
    """As root, the only user whose shell every system has, with an empty home: no start-up file of the real one is run.
    The key is the test's own."""

    name, port = "sshd", 22

    def prepare(self):
        for key in ("host_key", "user_key"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(key))
        # Where privileges are separated; Debian's service makes the folder anew at every start.
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.write("config", "\n".join((
            f"Port {self.port}", f"HostKey {self.path('host_key')}", f"AuthorizedKeysFile {self.path('user_key.pub')}",
            "PermitRootLogin prohibit-password", "StrictModes no", "UsePAM no", "PidFile none", "MaxStartups 1000",
            "UseDNS no", "LogLevel ERROR", f"SetEnv HOME={self.folder}", "")))

    def command(self):
        return ("/usr/sbin/sshd", "-D", "-e", "-f", self.path("config"))


class Nginx(Server):
    name, port = "nginx", 80

    def prepare(self):
        self.write("config", f"""
            daemon off; worker_processes 2; pid {self.path("pid")}; error_log stderr;
            events {{ worker_connections 2048; }}
            http {{
                access_log off;
                server {{
                    listen 0.0.0.0:{self.port}; listen [::]:{self.port};
                    location / {{ return 200 "hello\\n"; }}
                }}
            }}
            """)

    def command(self):
        return ("nginx", "-e", "stderr", "-p", self.folder, "-c", self.path("config"))


class Dns(Server):
    """Answers for any name under demo.example with its own addresses."""

    name, port, protocol = "dnsmasq", 53, "udp"

    def command(self):
        return ("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=",
                f"--user={UNPRIVILEGED}", *(f"--address=/demo.example/{addr}" for addr in self.end.addresses),
                )


class Redis(Server):
    """Debian's redis-tools has the server's program under the name of a tool, without the service; it becomes what it
    is called as."""

    name, port = "redis", 6379

    def command(self):
        return ("setpriv", f"--reuid={UNPRIVILEGED}", "--clear-groups", "bash", "-c",
                'exec -a redis-server redis-check-rdb "$@"', "redis-server", "--port", str(self.port), "--bind", "0.0.0.0", "::",
                "--protected-mode", "no", "--save", "", "--appendonly", "no", "--dir", self.folder)


class Postgres(Server):
    """It refuses to run as root."""

    name, port = "postgres", 5432
    stop_signal = signal.SIGINT  # "fast": it does not wait for clients to leave

    def prepare(self):
        os.chown(self.folder, *self.user())
        run(*self.as_user(postgres_program("initdb"), "--no-sync", "--auth=trust", "--username=test", "--locale=C",
                          f"--pgdata={self.path('data')}"), cwd="/")
        with open(self.path("data/pg_hba.conf"), "a") as rules:
            rules.write("host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\n")

    @staticmethod
    def user():
        return tuple(int(run("id", option, UNPRIVILEGED)) for option in ("-u", "-g"))

    @staticmethod
    def as_user(*command):
        return ("setpriv", f"--reuid={UNPRIVILEGED}", "--clear-groups", *command)

    def command(self):
        settings = {"listen_addresses": "*", "port": self.port, "max_connections": 450, "fsync": "off",
                    "unix_socket_directories": self.folder, "shared_buffers": "16MB"}
        return self.as_user(postgres_program("postgres"), "-D", self.path("data"),
                            *(f"--{name}={value}" for name, value in settings.items()))


ALL = (Ssh, Nginx, Dns, Redis, Postgres)
