/**
 * Failure of single system calls that a port makes for its links and for the manager: the link or connection is made
 * again, without any other effect.
 */

import { assertEquals } from "@std/assert";
import { libc } from "../../../ffi/libc.ts";
import { Errno } from "../../../src/base/errno.ts";
import { FailingCall } from "../../system/failing_call.ts";
import { post } from "./post.ts";
import { Subnet } from "./subnet.ts";
import { ENOMEM } from "../../system/errno_values.ts";

const CALLS = [
  ...["socket", "connect", "accept4", "sendmsg", "recvmsg"],
  ...["memfd_create", "ftruncate", "fcntl", "mmap", "statx", "epoll_ctl"],
  ...["readlink", "bind", "listen"],
] as const;
const ERRORS = [Errno.EMFILE, Errno.EACCES, ENOMEM, Errno.EINVAL];
/** Which call of a function fails. */
const ORDINALS = [1, 2, 3];

function scene() {
  const subnet = new Subnet();
  const ports = subnet.openAll(0x11n, 0x12n);
  const ends = ports.map((port) => ({ port, ...subnet.receiver(port) }));
  const [a, b] = ends as [typeof ends[0], typeof ends[0]];
  /** Sends in both directions until both ports have received a packet. */
  const talk = () => {
    const before = ends.map(({ taken }) => taken.length);
    subnet.until(() => {
      for (const [from, to] of [[a, b], [b, a]] as const) {
        const at = { dlid: to.port.attributes.lid, qpn: to.qp.qpn };
        post(from, at, new Uint8Array([1]));
      }
      return ends.every(({ taken }, i) => taken.length > before[i]!);
    }, "a packet in each direction");
  };
  return { subnet, ports, talk };
}

const variants = CALLS.flatMap((name, i) =>
  ORDINALS.map((ordinal) => ({
    name,
    ordinal,
    errno: ERRORS[(i + ordinal) % ERRORS.length]!,
  }))
);

Deno.test("a link whose opening fails is opened again, and the ports stay active", () => {
  const failing = new Set<string>();
  for (const { name, ordinal, errno } of variants) {
    const { subnet, ports, talk } = scene();
    using _subnet = subnet;
    {
      using failure = new FailingCall(libc(), name, ordinal, errno);
      talk();
      if (failure.failed) failing.add(name);
    }
    talk();
    const states = ports.map(({ attributes }) => attributes.state);
    assertEquals([name, ...states], [name, "active", "active"]);
  }
  // The other functions of CALLS are not called for a link.
  assertEquals([...failing].sort(), [
    ...["accept4", "connect", "epoll_ctl", "fcntl", "ftruncate"],
    ...["memfd_create", "mmap", "recvmsg", "sendmsg", "socket", "statx"],
  ]);
});

Deno.test("a port whose registration with the next manager fails registers again", () => {
  for (const { name, ordinal, errno } of variants) {
    const { subnet, talk } = scene();
    using _subnet = subnet;
    const count = () =>
      subnet.ports.map(({ events }) =>
        events.filter(({ type }) => type === "client_reregister").length
      );
    subnet.killManager();
    Deno.removeSync(subnet.socket);
    subnet.startManager();
    {
      using _failure = new FailingCall(libc(), name, ordinal, errno);
      subnet.until(
        () => count().every((n) => n > 0),
        `the registration, ${name} ${ordinal}`,
      );
    }
    talk();
  }
});
