# SPDX-License-Identifier: BSD-2-Clause
"""AF_XDP applications that share an interface of two queues with each other and with the kernel."""
import json
import socket
import threading
import unittest

from applications import Flows, KernelServers, XskEcho
from world import WORLD, wait_for

ONE, TWO, OWN = 7001, 7002, 7003  # two applications' ports, and one that is the kernel's alone


def served(name):
    """What an application was given, and what fell back, in packets."""
    row = next(row for row in json.loads(WORLD.xdemux("xsk", "list", "--json"))["xsks"] if row["name"] == name)
    return row["packets"], row["fallback_packets"]


def open_queues(name):
    rows = json.loads(WORLD.xdemux("xsk", "list", "--json"))["xsks"]
    return [queue["queue"] for row in rows if row["name"] == name for queue in row["queues"] if queue["alive"]]


def settled(name, total):
    """Its counters, once all that was sent to its port is in them."""
    wait_for(lambda: sum(served(name)) == total, f"{name}: {served(name)}, not {total} in all")
    return served(name)


class Applications(unittest.TestCase):
    def setUp(self):
        guard = WORLD.guarded("drop")
        guard.__enter__()
        self.addCleanup(guard.__exit__, None, None, None)

    def listen(self, port, name, *options):
        WORLD.xdemux("listener", "add", "udp", f"*:{port}", "--to", f"xsk:{name}", *options)

    def serve(self, name, *queues):
        application = XskEcho(name, *queues)
        self.addCleanup(application.__exit__)
        return application.start()

    def use(self, context):
        self.addCleanup(context.__exit__, None, None, None)
        return context.__enter__()

    def test_two_and_the_kernel_serve_at_once(self):
        self.use(KernelServers(ONE, TWO, OWN))
        self.listen(ONE, "one")
        self.listen(TWO, "two")
        self.serve("one", 0)
        self.serve("two", 1)
        flows = {port: self.use(Flows(port)) for port in (ONE, TWO, OWN)}
        echoed = {port: [] for port in flows}
        rounds = 5

        def use(port):
            for _ in range(rounds):
                echoed[port].append(flows[port].ask())

        threads = [threading.Thread(target=use, args=(port,)) for port in flows]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for port, name in ((ONE, "one"), (TWO, "two")):
            self.assertEqual([len(echoed[port])], [rounds], "a client failed")
            # A flow stays on its queue; those of the queue that is not served fall back to the kernel's server.
            self.assertEqual(echoed[port], [echoed[port][0]] * rounds)
            mine, all_sent = rounds * len(echoed[port][0]), rounds * len(flows[port])
            self.assertTrue(0 < mine < all_sent, "the flows do not reach both queues")
            self.assertEqual(settled(name, all_sent), (mine, all_sent - mine))
        self.assertEqual(echoed[OWN], [set()] * rounds)
        self.assertEqual(WORLD.packets("closed", "drop"), 0)

    def test_a_crash_takes_the_registration_with_it(self):
        self.use(KernelServers(ONE, TWO))
        self.listen(ONE, "one")
        self.listen(TWO, "two")
        one = self.serve("one", 0)
        self.serve("two", 1)
        mine, others = self.use(Flows(ONE)), self.use(Flows(TWO))
        by_one, by_two = mine.ask(), others.ask()
        self.assertTrue(by_one and by_two)
        before = served("one")
        one.kill()
        self.assertEqual(open_queues("one"), [])
        for _ in range(3):
            self.assertEqual(mine.ask(), set())
            self.assertEqual(others.ask(), by_two)
        self.assertEqual(settled("one", 4 * len(mine)), (before[0], before[1] + 3 * len(mine)))
        one.start()
        self.assertEqual(open_queues("one"), [0])
        self.assertEqual(mine.ask(), by_one)
        self.assertEqual(others.ask(), by_two)

    def test_one_serves_all_queues_in_both_families_whatever_the_size(self):
        self.listen(ONE, "one")
        self.serve("one", 0, 1)
        for size in (8, 9, 31, 512, 1400):
            with self.subTest(size=size), Flows(ONE, size) as flows:
                self.assertEqual(len(flows.ask()), len(flows))
        WORLD.xdemux("set", "--closed", "reject")  # another program, the same tables
        with Flows(ONE) as flows:
            self.assertEqual(len(flows.ask()), len(flows))
        self.assertEqual(served("one")[1], 0)

    def test_explain_tells_the_queues_apart(self):
        self.listen(ONE, "one")
        self.serve("one", 1)
        for queue, reason in (("0", "target_fallback"), ("1", "listener_wildcard")):
            told = json.loads(WORLD.xdemux("explain", "udp", f"{WORLD.peer.ipv4}:9", f"{WORLD.host.ipv4}:{ONE}",
                                           "--queue", queue, "--json"))["explain"]
            self.assertEqual(told["reason"], reason)

    def test_a_flow_goes_to_an_application_and_the_rest_of_its_port_does_not(self):
        self.use(KernelServers(OWN))
        self.serve("one", 0, 1)
        flows = self.use(Flows(OWN))
        chosen = (flows.clients[3], flows.clients[-1])
        for client in chosen:
            local, remote = client.getpeername(), client.getsockname()
            form = "[{}]:{}" if client.family == socket.AF_INET6 else "{}:{}"
            WORLD.xdemux("flow", "add", "udp", form.format(*local), form.format(*remote), "--to", "xsk:one")
        for _ in range(3):
            self.assertEqual(flows.ask(), set(chosen))
        self.assertEqual(settled("one", 6), (6, 0))

    def test_none_is_lost_when_it_ends(self):
        self.use(KernelServers(ONE))
        self.listen(ONE, "one")
        one = self.serve("one", 0, 1)
        flows, ended = self.use(Flows(ONE)), threading.Event()
        echoed = []

        def use():
            while not ended.is_set():
                echoed.append(len(flows.ask()))

        thread = threading.Thread(target=use)
        thread.start()
        try:
            wait_for(lambda: len(echoed) > 2, "no answers")
            answered = one.__exit__()
            wait_for(lambda: echoed[-1] == 0, "the echo still answers")
        finally:
            ended.set()
            thread.join()
        self.assertIsNone(answered)
        self.assertEqual(settled("one", len(echoed) * len(flows))[0], sum(echoed))

    def test_a_fallback_that_drops_drops_what_no_queue_serves(self):
        self.listen(ONE, "one,fallback=drop")
        with Flows(ONE) as flows:
            self.assertEqual(flows.exchange(0.5), {})
            self.assertEqual(WORLD.packets("target_fallback", "drop"), len(flows))
            self.serve("one", 1)
            answers = flows.exchange(0.5)
            self.assertTrue(0 < len(answers) < len(flows) and all(answers.values()))
            self.assertEqual(settled("one", 2 * len(flows)), (len(answers), 2 * len(flows) - len(answers)))

    def test_frames_in_several_buffers_fall_back(self):
        for end in (WORLD.host, WORLD.peer):
            end.run("ip", "link", "set", "dev", end.dev, "mtu", "9000")
        self.use(KernelServers(ONE))
        self.listen(ONE, "one")
        self.serve("one", 0, 1)
        with Flows(ONE, 8000) as flows:
            self.assertEqual(flows.ask(), set())
            self.assertEqual(settled("one", len(flows)), (0, len(flows)))
        with Flows(ONE, 1400) as flows:
            self.assertEqual(len(flows.ask()), len(flows))


class TheTests(unittest.TestCase):
    def test_notice_who_answers(self):
        """The one deliberately wrong case: nothing is steered, so the kernel answers all."""
        with KernelServers(ONE), Flows(ONE) as flows:
            self.assertEqual(flows.ask(), set())
