# SPDX-License-Identifier: BSD-2-Clause
"""The real clients of each server, many at once. Each returns nothing, and raises when one request fails."""
import subprocess

from servers import postgres_program
from world import TIME_SCALE

PARALLEL, FEW = 200, 20
SECONDS = 60 * TIME_SCALE


class Refused(Exception):
    """A client did not get what it asked for."""


def all_of(commands):
    """Runs the commands at once; none may fail."""
    running = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True) for command in commands]
    said = [(process, process.communicate(timeout=SECONDS)[0]) for process in running]
    failed = [f"{' '.join(process.args)}: exit code {process.returncode}: {text}"
              for process, text in said if process.returncode != 0]
    if failed:
        raise Refused(f"{len(failed)} of {len(running)} failed; the first:\n{failed[0]}")
    return [text for _, text in said]


def expect(holds, what, text):
    if not holds:
        raise Refused(f"{what}:\n{text}")


def in_brackets(address):
    return f"[{address}]" if ":" in address else address


def ssh(client, server, parallel=PARALLEL):
    """Half of the sessions over each family."""
    options = ("-F", "none", "-i", server.path("user_key"), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
               "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
               "-o", "KexAlgorithms=curve25519-sha256")  # the cheapest: 200 at once share the CPUs
    sessions = [client.command("ssh", *options, f"root@{address}", "echo", "hello")
                for address in server.end.addresses for _ in range(parallel // 2)]
    for text in all_of(sessions):
        expect(text == "hello\n", "ssh said", text)


def curl(client, server, parallel=PARALLEL):
    """Each request makes a connection of its own: they are counted."""
    for address in server.end.addresses:
        text = client.run("curl", "--silent", "--show-error", "--fail", "--globoff", "--max-time", str(SECONDS),
                          "--parallel", "--parallel-immediate", "--parallel-max", str(parallel),
                          "--write-out", "%{http_code} %{num_connects}\n",
                          *("--output", "/dev/null", f"http://{in_brackets(address)}/") * parallel)
        expect(text == "200 1\n" * parallel, "curl said", text)


def dig(client, server, parallel=PARALLEL):
    """Over UDP without a second try, half over each family; and a few over TCP."""
    def queries(count, *options):
        return [client.command("dig", *options, "+short", "+tries=1", f"+time={SECONDS:g}", f"@{address}",
                               f"host{i}.demo.example", kind)
                for address, kind in zip(server.end.addresses, ("A", "AAAA")) for i in range(count // 2)]

    for text in all_of(queries(parallel) + queries(10, "+tcp")):
        expect(text.strip() in server.end.addresses, "dig said", text)


def redis(client, server, parallel=PARALLEL):
    for address in server.end.addresses:
        where = ("-h", address, "-p", str(server.port))
        expect(client.run("redis-cli", *where, "ping") == "PONG\n", "redis-cli ping", "no PONG")
        text = client.run("redis-benchmark", *where, "-c", str(parallel), "-n", str(10 * parallel), "-t", "set,get",
                          "--csv", timeout=SECONDS)
        expect('"SET"' in text and '"GET"' in text, "redis-benchmark said", text)


def postgres(client, server, parallel=PARALLEL):
    script = server.write("select.sql", "SELECT 6 * 7;\n")
    for address in server.end.addresses:
        where = ("-h", address, "-p", str(server.port), "-U", "test")
        # The socket waits before the database answers: it says so, and psql is not refused.
        wait_until_ready(client, where)
        answer = client.run(postgres_program("psql"), *where, "-At", "-c", "SELECT 6 * 7", "postgres")
        expect(answer == "42\n", "psql said", answer)
        text = client.run(postgres_program("pgbench"), "--no-vacuum", f"--file={script}", f"--client={parallel}",
                          "--jobs=2", "--transactions=3", *where, "postgres", timeout=SECONDS)
        expect(f"processed: {3 * parallel}/{3 * parallel}" in text, "pgbench said", text)


def wait_until_ready(client, where):
    """pg_isready: 0 ready, 1 the server answers "starting up", 2 no answer."""
    while True:
        done = subprocess.run(client.command(postgres_program("pg_isready"), *where), capture_output=True, text=True)
        if done.returncode == 0:
            return
        expect(done.returncode == 1, "pg_isready got no answer", done.stdout)


OF = {"sshd": ssh, "nginx": curl, "dnsmasq": dig, "redis": redis, "postgres": postgres}


def use(client, server, parallel=PARALLEL):
    OF[server.name](client, server, parallel)
