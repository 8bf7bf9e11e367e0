/** A port whose device is lost and returns, over a fake libibverbs and a fake sysfs. */

import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Errno } from "../../../src/base/errno.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { FakeClock } from "../../../src/base/clock.ts";
import { LOOK_INTERVAL_MS } from "../../../src/hca/lost_device.ts";
import {
  VerbsPort,
  type VerbsPortOptions,
  type WorkerEnd,
} from "../../../src/hca/verbs/port.ts";
import { SEND_SLOTS } from "../../../src/hca/verbs/send_memory.ts";
import { emitUserMad, parseUserMad } from "../../../src/hca/verbs/user_mad.ts";
import type { Fd } from "../../../src/system/fd.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { receive, send } from "../../../src/system/unix_socket.ts";
import { gsiAddress, MgmtClass } from "../../../src/wire/mad.ts";
import { closeReactor } from "../close_reactor.ts";
import { DEVICE, FakeLibibverbs } from "./fake_libibverbs.ts";
import { freeSlots } from "./free_slots.ts";

const NODE_GUID = "0002:c903:0000:abcc";
const FATAL = 8;
/** Offset of the L_Key of a request's first element, in words. */
const LKEY = (128 + 12) / 4;

const mad = new Uint8Array(256);
mad[1] = MgmtClass.SubnAdm;

class Rig implements Disposable {
  readonly clock = new FakeClock();
  readonly reactor = new PollReactor(this.clock);
  readonly verbs = new FakeLibibverbs();
  readonly classes = Deno.makeTempDirSync();
  readonly port: VerbsPort;
  /** Events of the port, with the reason of a loss. */
  readonly events: string[] = [];
  /** The worker's ends of the sockets, the last one is in use. */
  readonly workers: Fd[] = [];
  /** Why another worker cannot be started. */
  refusal: IpoibError | undefined;

  constructor(options: Partial<VerbsPortOptions> = {}) {
    this.plug();
    const { reactor, classes } = this;
    this.port = new VerbsPort({
      ...{ reactor, classes, device: DEVICE, port: 1 },
      library: this.verbs.library,
      requestWorker: (started, failed) =>
        this.refusal ? failed(this.refusal) : started(this.worker()),
      ...this.worker(),
      ...options,
    });
    this.port.onEvent(({ type }) => {
      const { lost } = this.port.attributes;
      this.events.push(lost === undefined ? type : `${type}: ${lost}`);
    });
  }

  worker(): WorkerEnd {
    const [ours, theirs] = socketPair();
    this.workers.push(theirs);
    return { mads: ours.release(), connections: "not tested here" };
  }

  /** Adds the device to the fake sysfs, as `uverbsN` and `umadN`. */
  plug(n = 0, guid = NODE_GUID): void {
    const files = {
      [`infiniband/${DEVICE}/node_guid`]: guid,
      [`infiniband_verbs/uverbs${n}/ibdev`]: DEVICE,
      [`infiniband_mad/umad${n}/ibdev`]: DEVICE,
      [`infiniband_mad/umad${n}/port`]: "1",
    };
    for (const [path, text] of Object.entries(files)) {
      const full = `${this.classes}/${path}`;
      Deno.mkdirSync(full.slice(0, full.lastIndexOf("/")), {
        recursive: true,
      });
      Deno.writeTextFileSync(full, `${text}\n`);
    }
  }

  /** Removes the device from the fake sysfs, or only its device files. */
  unplug(classes = ["infiniband_verbs", "infiniband_mad", "infiniband"]): void {
    for (const each of classes) {
      Deno.removeSync(`${this.classes}/${each}`, { recursive: true });
    }
  }

  advance(ms: number): void {
    this.clock.advance(ms);
    for (let i = 0; i < 3; i++) this.reactor.turn(0);
  }

  /** Lets the device report a fatal error. */
  fail(): void {
    this.verbs.raise(FATAL);
    this.advance(0);
  }

  /** Creates a queue pair and an address handle, as an interface does, and closes them when the device is lost. */
  use() {
    const { port } = this;
    const qp = port.createUdQp({ pkeyIndex: 0, recvQueueSize: 4 });
    const handle = port.createAddressHandle({ dlid: 9, sl: 0, staticRate: 0 });
    return { qp, handle };
  }

  [Symbol.dispose](): void {
    this.port.close();
    for (const worker of this.workers) worker.close();
    closeReactor(this.reactor);
    this.verbs[Symbol.dispose]();
    Deno.removeSync(this.classes, { recursive: true });
    assertEquals(this.verbs.left, "");
  }
}

Deno.test("a port whose device fails closes everything on it, and opens it again with the same memory", () => {
  using rig = new Rig();
  const { port, verbs } = rig;
  const { send: memory } = port;
  const { qp, handle } = rig.use();
  const slot = memory.reserve();
  assertEquals(qp.post(slot, 100, handle, 9, 1), 0);
  const waiting = memory.reserve();
  const before = memory.requests.words[LKEY];
  rig.fail();
  assertEquals(rig.events, ["device_lost: it reported a fatal error"]);
  assertEquals([port.attributes.state, verbs.left], ["down", ""]);
  assertEquals(receive(rig.workers[0]!.number).type, "closed");
  // The slot that belongs to the engine remains.
  assertEquals(freeSlots(memory), SEND_SLOTS - 1);
  memory.unreserve(waiting);
  const { code, errno } = assertThrows(() => rig.use(), IpoibError);
  assertEquals([code, errno], ["E_DEVICE_LOST", Errno.ENODEV]);
  port.flush();
  assertEquals(port.counters().outstanding, 0);

  verbs.lid = 7;
  rig.advance(LOOK_INTERVAL_MS);
  assertEquals(rig.events.slice(1), ["device_returned"]);
  const { state, lid, lost } = port.attributes;
  assertEquals([state, lid, lost], ["active", 7, undefined]);
  assertEquals(port.send, memory);
  assert(memory.requests.words[LKEY] !== before);
  const again = rig.use();
  assert(again.qp.qpn !== qp.qpn);
  // A handle of the lost device.
  assertEquals(again.qp.post(memory.reserve(), 100, handle, 9, 1), 4);
  assertEquals(again.qp.post(memory.reserve(), 100, again.handle, 9, 1), 0);
});

Deno.test("MADs are lost while the device is lost, and pass through another worker when it is back", () => {
  using rig = new Rig();
  const { port } = rig;
  const received: Uint8Array[] = [];
  const agent = port.openMadAgent(MgmtClass.SubnAdm);
  agent.onMad = (mad) => received.push(mad.slice());
  rig.fail();
  agent.send(mad, gsiAddress(1));
  assertEquals(port.counters().mads_lost, 1);
  rig.advance(LOOK_INTERVAL_MS);
  const worker = rig.workers[1]!.number;
  agent.send(mad, gsiAddress(1));
  const sent = receive(worker);
  assertEquals(sent.type === "message" && parseUserMad(sent.bytes)?.mad, mad);
  send(worker, emitUserMad(mad, gsiAddress(1)));
  rig.advance(0);
  assertEquals(received, [mad]);
});

Deno.test("a device that is removed is noticed by its device file, its events or its worker, and may return with other files", () => {
  const ways: [string, (rig: Rig) => void][] = [
    ["it was removed", (rig) => {
      // The kernel keeps the device until it is closed.
      rig.unplug(["infiniband_verbs"]);
      rig.advance(LOOK_INTERVAL_MS);
      assertEquals(rig.verbs.left, "");
      rig.unplug(["infiniband_mad", "infiniband"]);
    }],
    ["it was removed", (rig) => {
      rig.unplug(["infiniband_mad"]);
      rig.advance(LOOK_INTERVAL_MS);
      rig.unplug(["infiniband_verbs", "infiniband"]);
    }],
    ["it was removed", (rig) => {
      rig.unplug();
      rig.verbs.eventErrno = Errno.EIO;
      rig.verbs.raise(0);
      rig.advance(0);
      rig.verbs.eventErrno = Errno.EAGAIN;
    }],
    ["it was removed", (rig) => {
      rig.unplug();
      rig.workers[0]!.close();
      rig.advance(0);
    }],
    ["it was removed", (rig) => {
      rig.unplug();
      rig.fail();
    }],
  ];
  for (const [reason, remove] of ways) {
    using rig = new Rig();
    rig.use();
    remove(rig);
    assertEquals(rig.events, [`device_lost: ${reason}`]);
    rig.verbs.absent = true;
    for (let i = 0; i < 5; i++) rig.advance(LOOK_INTERVAL_MS);
    assertEquals(rig.events.length, 1);
    rig.verbs.absent = false;
    rig.plug(3);
    rig.advance(LOOK_INTERVAL_MS);
    assertEquals(rig.events.slice(1), ["device_returned"]);
    rig.unplug();
    rig.advance(LOOK_INTERVAL_MS);
    assertEquals(rig.events.slice(2), ["device_lost: it was removed"]);
  }
});

Deno.test("a device that is removed after its failure was noticed has both reasons, once", () => {
  const failures: [string, (rig: Rig) => void][] = [
    ["it reported a fatal error", (rig) => rig.fail()],
    ["its MAD device has failed", (rig) => rig.workers[0]!.close()],
    ["its events cannot be read: Input/output error", (rig) => {
      rig.verbs.eventErrno = Errno.EIO;
      rig.verbs.raise(0);
    }],
  ];
  for (const [reason, fail] of failures) {
    using rig = new Rig();
    rig.use();
    fail(rig);
    rig.advance(0);
    rig.verbs.eventErrno = Errno.EAGAIN;
    rig.unplug();
    for (let i = 0; i < 3; i++) rig.advance(LOOK_INTERVAL_MS);
    assertEquals(rig.events, [
      `device_lost: ${reason}`,
      `device_lost: ${reason}, and it was removed`,
    ]);
    rig.plug();
    rig.advance(LOOK_INTERVAL_MS);
    assertEquals(rig.events.slice(2), ["device_returned"]);
  }
});

Deno.test("releases that a removed device refuses are tolerated", () => {
  using rig = new Rig();
  rig.use();
  rig.verbs.releaseErrno = Errno.EIO;
  rig.fail();
  assertEquals(rig.verbs.left, "");
  rig.verbs.releaseErrno = 0;
  rig.advance(LOOK_INTERVAL_MS);
  assertEquals(rig.events.at(-1), "device_returned");
});

Deno.test("a port is refused what it needs to open the device again: it tries again, and keeps nothing of the attempt", () => {
  using rig = new Rig();
  const refusals: [string, () => void][] = [
    ["Cannot open port 1", () => {
      const error = new IpoibError("E_UMAD", "Cannot open port 1");
      rig.refusal = error;
    }],
    ["No device file", () => rig.verbs.refused.add("context")],
    ["allocate a protection domain", () => rig.verbs.refused.add("pd")],
    ["create a completion channel", () => rig.verbs.refused.add("channel")],
    ["register", () => rig.verbs.refused.add("mr")],
    ["Another device has the name fake0", () => {
      rig.unplug();
      rig.plug(0, "0002:c903:0000:ffff");
    }],
  ];
  for (const [text, refuse] of refusals) {
    rig.fail();
    refuse();
    rig.advance(16_000);
    const state = rig.port.attributes.lost!;
    assertStringIncludes(state, "it reported a fatal error, and cannot be");
    assertStringIncludes(state, text);
    assertEquals(rig.verbs.left, "");
    rig.refusal = undefined;
    rig.verbs.refused.clear();
    rig.plug();
    rig.advance(16_000);
    assertEquals(rig.port.attributes.lost, undefined, text);
    rig.advance(60_000);
  }
});

Deno.test("a port that is closed while its device is lost does not open it again", () => {
  let started: ((end: WorkerEnd) => void) | undefined;
  using rig = new Rig({ requestWorker: (done) => started = done });
  rig.fail();
  rig.advance(LOOK_INTERVAL_MS);
  assert(started);
  rig.port.close();
  const end = rig.worker();
  started(end);
  assertEquals(receive(rig.workers.at(-1)!.number).type, "closed");
  assertEquals(rig.verbs.left, "");
});
