/** The handover of interfaces between two processes, here in one, over a real socket. */

import { openDescriptors } from "../../system/failing_call.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { patient } from "../../../scripts/machine.ts";
import { configureLog } from "../../../src/base/log.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import {
  type HandedInterface,
  type HandedProcess,
  Handover,
  type Successor,
} from "../../../src/daemon/restart/hand_over.ts";
import { HandoverChannel } from "../../../src/daemon/restart/handover_channel.ts";
import type { LeftInterface } from "../../../src/daemon/restart/left_interface.ts";
import { Takeover } from "../../../src/daemon/restart/take_over.ts";
import { createEventFd } from "../../../src/system/event_fd.ts";
import { libc } from "../../../ffi/libc.ts";
import { duplicate, Fd } from "../../../src/system/fd.ts";
import { inodeOfFd } from "../../../src/system/files.ts";
import { createMemory } from "../../../src/system/memory.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { connect, send } from "../../../src/system/unix_socket.ts";
import { saved } from "./records.ts";

const DEVICES = 20;
const LIMIT_MS = patient(5000);
const RLIMIT_NOFILE = 7;

/** An interface with many children, whose devices are memfds. */
class FakeInterface implements HandedInterface {
  readonly name = "ib0";
  readonly hca = { kind: "soft", subnet: "lab" } as const;
  readonly running = true;
  ending = false;
  readonly events: string[] = [];
  readonly devices = new Map(
    Array.from({ length: DEVICES }, (_, i) => [
      `ib0.${i}`,
      createMemory("device", 1),
    ]),
  );

  describe() {
    using namespace = createEventFd();
    return Promise.resolve({
      guid: 0x0200_0000_0000_0a01n,
      netns: namespace.release(),
    });
  }

  release(): Promise<LeftInterface> {
    this.events.push("release");
    const taps = Object.fromEntries(
      [...this.devices].map((
        [label, { number }],
      ) => [label, duplicate(number).release()]),
    );
    return Promise.resolve({ saved, taps, settings: true });
  }

  resume({ taps }: LeftInterface): Promise<void> {
    this.events.push("resume");
    for (const fd of Object.values(taps)) new Fd(fd).close();
    return Promise.resolve();
  }

  [Symbol.dispose](): void {
    for (const fd of this.devices.values()) fd.close();
  }
}

/** Runs `test` while an interface can be handed over. Checks that no descriptor is left. */
async function withHandover(
  shared: Partial<HandedProcess>,
  test: (
    path: string,
    iface: FakeInterface,
    done: Promise<Successor>,
    logged: (pattern: RegExp) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  let log = "";
  await configureLog("info", { write: (text) => void (log += text) });
  const directory = await Deno.makeTempDir();
  const before = openDescriptors();
  {
    using iface = new FakeInterface();
    const handover = new Handover(`${directory}/7.handover`, () => [iface], {
      ...{ stderr: 2, journalStream: undefined, notifySocket: undefined },
      ...{ front: false, frontChannel: undefined, ...shared },
    });
    const done = Promise.withResolvers<Successor>();
    handover.onDone = done.resolve;
    const logged = async (pattern: RegExp) => {
      const end = performance.now() + LIMIT_MS;
      while (!pattern.test(log)) {
        assert(performance.now() < end, `${pattern} is missing in: ${log}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await test(handover.open(), iface, done.promise, logged);
    handover.close();
  }
  assertEquals(openDescriptors(), before);
  assertEquals(await Array.fromAsync(Deno.readDir(directory)), []);
  await Deno.remove(directory);
}

Deno.test("a new process receives the record and the devices of an interface", async () => {
  const shared = { notifySocket: "/run/notify", journalStream: "8:7" };
  await withHandover(shared, async (path, iface, done) => {
    using takeover = await Takeover.connect(path);
    const [taken] = takeover.interfaces;
    assertEquals(taken!.name, "ib0");
    assertEquals(taken!.hca, iface.hca);
    assertEquals(taken!.guid, 0x0200_0000_0000_0a01n);
    assertEquals(taken!.running, true);
    assert(taken!.netns.number >= 0);
    assertEquals(takeover.notifySocket, "/run/notify");
    assertEquals(takeover.journalStream, "8:7");
    assertEquals(takeover.front, undefined);
    assertEquals(inodeOfFd(takeover.stderr.number), inodeOfFd(2));
    // The old process goes on until the new one needs the record.
    assertEquals(iface.events, []);

    const { taps, ...left } = await taken!.left();
    assertEquals(left, { saved, settings: true });
    assertEquals(Object.keys(taps).length, DEVICES);
    for (const [label, fd] of Object.entries(taps)) {
      assertEquals(inodeOfFd(fd), inodeOfFd(iface.devices.get(label)!.number));
      new Fd(fd).close();
    }
    taken!.netns.close();
    const running = takeover.running();
    // An end of this process does not undo what it has reported.
    assertEquals(await takeover.concluded(), true);
    await running;
    const successor = await done;
    assertEquals(successor.pid, Deno.pid);
    successor.channel[Symbol.dispose]();
    assertEquals(iface.events, ["release"]);
  });
});

Deno.test("the old process resumes if the new one fails, or ends, after the release", async () => {
  for (const reports of [true, false]) {
    await withHandover({}, async (path, iface, _done, logged) => {
      {
        using takeover = await Takeover.connect(path);
        await take(takeover);
        const failure = new IpoibError("E_TEST", "No such port");
        if (reports) await takeover.ended(2, failure);
      }
      await logged(
        reports ? /Upgrade failed: No such port/ : /Upgrade failed: .* ended/,
      );
      assertEquals(iface.events, ["release", "resume"]);
    });
  }
});

/** Takes the devices of the only interface, and closes them. */
async function take(takeover: Takeover): Promise<void> {
  const [taken] = takeover.interfaces;
  taken!.netns.close();
  const { taps } = await taken!.left();
  for (const fd of Object.values(taps)) new Fd(fd).close();
}

Deno.test("an end of the new process before it reports success ends the takeover", async () => {
  await withHandover({}, async (path, iface, _done, logged) => {
    using takeover = await Takeover.connect(path);
    await take(takeover);
    assertEquals(await takeover.concluded(), false);
    await assertRejects(() => takeover.running(), IpoibError, "was stopped");
    assertEquals(iface.events, ["release"]);
    await takeover.ended(0);
    await logged(/Upgrade failed: The new process was stopped before/);
    assertEquals(iface.events, ["release", "resume"]);
  });
});

Deno.test("if an interface is to end, the old process resumes after the new one has closed everything", async () => {
  for (const reports of [true, false]) {
    await withHandover({}, async (path, iface, _done, logged) => {
      using takeover = await Takeover.connect(path);
      await take(takeover);
      iface.ending = true;
      const stopped = "ib0 was stopped during the takeover";
      const wait = reports
        ? takeover.running()
        : takeover.whileAwaited(new Promise(() => {}));
      await assertRejects(() => wait, IpoibError, stopped);
      assertEquals(await takeover.concluded(), false);
      assertEquals(iface.events, ["release"]);
      await takeover.ended(0);
      await logged(new RegExp(`Upgrade failed: ${stopped}`));
      assertEquals(iface.events, ["release", "resume"]);
    });
  }
});

Deno.test("an interface that is to end is not released", async () => {
  await withHandover({}, async (path, iface, _done, logged) => {
    using takeover = await Takeover.connect(path);
    iface.ending = true;
    takeover.interfaces[0]!.netns.close();
    await assertRejects(() => takeover.interfaces[0]!.left(), IpoibError);
    await takeover.ended(0);
    await logged(/Upgrade failed: ib0 was stopped/);
    assertEquals(iface.events, []);
  });
});

Deno.test("a lack of descriptors fails an upgrade, and does not end the process", async () => {
  await withHandover({}, async (path, _iface, _done, logged) => {
    using connection = connect(path);
    assert(connection);
    using filled = new DisposableStack();
    const limits = new BigUint64Array(2);
    const bytes = new Uint8Array(limits.buffer);
    assertEquals(libc().getrlimit(RLIMIT_NOFILE, bytes), 0);
    const [soft] = limits;
    using last = createEventFd();
    limits[0] = BigInt(last.number) + 1n;
    assertEquals(libc().setrlimit(RLIMIT_NOFILE, bytes), 0);
    try {
      // Uses the numbers below that are free.
      for (;;) filled.use(createEventFd());
    } catch {
      await logged(/Upgrade failed: Cannot accept a connection/);
    } finally {
      limits[0] = soft!;
      assertEquals(libc().setrlimit(RLIMIT_NOFILE, bytes), 0);
    }
  });
});

Deno.test("the old process releases nothing for a new one that does not read its records", async () => {
  await withHandover({}, async (path, iface, _done, logged) => {
    using channel = new HandoverChannel(connect(path)!);
    const hello = { version: "9.9", pid: 1, formats: [99] };
    await channel.send({ type: "hello", ...hello });
    await logged(/Version 9.9 does not read the records/);
    await assertRejects(
      () => channel.receive(["process"], LIMIT_MS),
      IpoibError,
      "ended",
    );
    assertEquals(iface.events, []);
  });
});

Deno.test("the old process releases nothing for input that is not of the protocol", async () => {
  for (
    const text of ["", "{", "[]", '{"type":"running"}', '{"type":"hello"}']
  ) {
    await withHandover({}, async (path, iface, _done, logged) => {
      using fd = connect(path)!;
      send(fd.number, new TextEncoder().encode(text || " "));
      await logged(/Upgrade failed: The other process sent an unknown message/);
      assertEquals(iface.events, []);
    });
  }
});

Deno.test("a new process that has taken over from a process with a front reports to the front", async () => {
  await withHandover({ front: true }, async (path, _iface, done) => {
    const takeover = await Takeover.connect(path);
    await take(takeover);
    await takeover.running();
    using channel = (await done).channel;
    await takeover.ended(2);
    takeover[Symbol.dispose]();
    const { message } = await channel.receive(["ended"], LIMIT_MS);
    assertEquals(message.code, 2);
  });
});

Deno.test("a process whose front was killed is taken over all the same", async () => {
  const [front, other] = socketPair();
  front.close();
  using frontChannel = new HandoverChannel(other);
  await withHandover({ frontChannel }, async (path, _iface, done) => {
    using takeover = await Takeover.connect(path);
    await take(takeover);
    await takeover.running();
    (await done).channel[Symbol.dispose]();
  });
});

Deno.test("Takeover.connect() refuses a path at which no process listens", async () => {
  await assertRejects(
    () => Takeover.connect("/nowhere/7.handover"),
    IpoibError,
    "has ended",
  );
});
