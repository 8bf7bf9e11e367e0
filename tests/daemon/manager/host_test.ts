import { assert, assertEquals } from "@std/assert";
import { ManagerHost } from "../../../src/daemon/manager/host.ts";
import {
  type ManagerMessage,
  PROTOCOL_VERSION,
} from "../../../src/subnet/messages.ts";
import {
  decodeManagerFrame,
  encodeControl,
} from "../../../src/subnet/protocol.ts";
import type { Fd } from "../../../src/system/fd.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { connect, receive, send } from "../../../src/system/unix_socket.ts";

class Bench implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "ipoib-test-" });
  readonly reactor = new PollReactor();
  readonly lines: string[] = [];
  readonly host: ManagerHost;
  readonly #ports: Fd[] = [];

  constructor() {
    this.host = new ManagerHost(this.reactor, `${this.directory}/sm.sock`, {
      manager: { guid: 1n, pid: 1, host: "test", name: "test" },
      now: this.reactor.clock.now(),
      log: (level, text) => this.lines.push(`${level}: ${text}`),
    });
  }

  connect(): Fd {
    const port = connect(`${this.directory}/sm.sock`)!;
    this.#ports.push(port);
    return port;
  }

  hello(port: Fd, guid: string): void {
    send(
      port.number,
      encodeControl({
        type: "hello",
        version: PROTOCOL_VERSION,
        secret: "5".repeat(64),
        guid,
        name: "ib0",
        pid: 1,
      }) as Uint8Array<ArrayBuffer>,
    );
  }

  turn(times = 1): void {
    for (let i = 0; i < times; i++) this.reactor.turn(1);
  }

  /** Returns all control messages that have arrived at a port, followed by "closed" if the host has disconnected it. */
  read(port: Fd): (ManagerMessage | "closed")[] {
    const messages: (ManagerMessage | "closed")[] = [];
    for (;;) {
      const received = receive(port.number);
      if (received.type === "empty") return messages;
      if (received.type === "closed") return [...messages, "closed"];
      const frame = decodeManagerFrame(received.bytes);
      if (frame?.kind === "control") messages.push(frame.message);
    }
  }

  [Symbol.dispose](): void {
    this.host.close();
    for (const port of this.#ports) port.close();
    this.reactor.stop();
    Deno.removeSync(this.directory, { recursive: true });
  }
}

const GUID = "0x0000000000000011";
const show = (id: number) =>
  encodeControl({ type: "show", id }) as Uint8Array<ArrayBuffer>;

Deno.test("ManagerHost registers a port on its hello, and removes it when it disconnects", () => {
  using bench = new Bench();
  const port = bench.connect();
  bench.hello(port, GUID);
  bench.turn(3);
  const [welcome] = bench.read(port);
  assert(welcome !== "closed" && welcome?.type === "welcome");
  assertEquals(welcome.guid, GUID);
  // The PID is that of the connection: that of the hello is in the PID namespace of its sender.
  assertEquals(
    bench.host.manager.snapshot().ports.map(({ guid, pid }) => [guid, pid]),
    [[GUID, Deno.pid]],
  );
  port.close();
  bench.turn(3);
  assertEquals(bench.host.manager.snapshot().ports, []);
});

Deno.test("ManagerHost logs and ignores malformed frames of a registered port", () => {
  using bench = new Bench();
  const port = bench.connect();
  bench.hello(port, GUID);
  send(port.number, new Uint8Array([9, 9, 9]));
  send(port.number, new TextEncoder().encode("\x01{not json"));
  bench.turn(3);
  assertEquals(
    bench.lines.filter((line) => line.includes("Malformed")).length,
    2,
  );
  assertEquals(bench.host.manager.snapshot().ports.length, 1);
});

Deno.test("ManagerHost queues replies to a port that does not read, in order", () => {
  using bench = new Bench();
  const port = bench.connect();
  bench.hello(port, GUID);
  bench.turn(3);
  bench.read(port);
  const count = 1500;
  let sent = 0;
  while (sent < count) {
    if (send(port.number, show(sent))) sent++;
    else bench.turn();
  }
  // The replies exceed the buffer of the socket.
  bench.turn(60);
  const other = bench.connect();
  bench.hello(other, "0x0000000000000012");
  bench.turn(5);
  assert(bench.read(other).length > 0, "other ports get replies");
  const ids: number[] = [];
  for (let i = 0; i < 2000 && ids.length < count; i++) {
    for (const message of bench.read(port)) {
      if (message !== "closed" && message.type === "show") {
        ids.push(message.id);
      }
    }
    bench.turn();
  }
  assertEquals(ids, Array.from({ length: count }, (_, i) => i));
});

Deno.test("ManagerHost disconnects a port that has too many queued bytes; it can register again", () => {
  using bench = new Bench();
  const port = bench.connect();
  bench.hello(port, GUID);
  bench.turn(3);
  for (let i = 0; i < 40_000; i++) {
    if (!send(port.number, show(i))) bench.turn();
    if (i > 1000 && bench.host.manager.snapshot().ports.length === 0) break;
  }
  bench.turn(20);
  assertEquals(bench.host.manager.snapshot().ports, []);
  let closed = false;
  for (let i = 0; i < 50 && !closed; i++) {
    closed = bench.read(port).includes("closed");
  }
  assertEquals(closed, true);
  // The same port registers again.
  const again = bench.connect();
  bench.hello(again, GUID);
  bench.turn(3);
  assertEquals(bench.host.manager.snapshot().ports.length, 1);
});

Deno.test("ManagerHost.close() disconnects the ports", () => {
  using bench = new Bench();
  const port = bench.connect();
  bench.hello(port, GUID);
  bench.turn(3);
  bench.host.close();
  assertEquals(bench.read(port).at(-1), "closed");
});
