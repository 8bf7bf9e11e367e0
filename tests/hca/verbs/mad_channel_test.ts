import { assertEquals, assertThrows } from "@std/assert";
import { Errno } from "../../../src/base/errno.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { SocketMadChannel } from "../../../src/hca/verbs/mad_channel.ts";
import { emitSendReport } from "../../../src/hca/verbs/send_report.ts";
import { emitUserMad, parseUserMad } from "../../../src/hca/verbs/user_mad.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { receive, send } from "../../../src/system/unix_socket.ts";
import { gsiAddress, MgmtClass } from "../../../src/wire/mad.ts";

const address = gsiAddress(9, 0, 2);
const mad = Uint8Array.from({ length: 256 }, (_, i) => i);
mad[1] = MgmtClass.SubnAdm;

/** A channel, with the worker's end of its socket. */
class Rig implements Disposable {
  readonly reactor = new FakeReactor();
  readonly counters = new VerbsCounters();
  readonly channel: SocketMadChannel;
  readonly worker;

  constructor(connections: true | string = "ib_cm has them") {
    const [ours, theirs] = socketPair();
    this.worker = theirs;
    this.channel = new SocketMadChannel(
      this.reactor,
      ours.release(),
      connections,
      this.counters,
    );
  }

  /** The watch of the channel's socket. */
  get watch() {
    return this.reactor.watches[0]!;
  }

  /** Returns the counters of sent, refused, lost, received and unclaimed MADs. */
  counted(): number[] {
    const { counters } = this;
    return [
      counters.get("mads_sent"),
      counters.get("mads_send_failed"),
      counters.get("mads_lost"),
      counters.get("mads_received"),
      counters.get("mads_no_agent"),
    ];
  }

  [Symbol.dispose](): void {
    this.channel.close();
    this.worker.close();
  }
}

Deno.test("SocketMadChannel passes MADs in both directions, counts them, and ignores malformed messages", () => {
  using rig = new Rig();
  const received: unknown[] = [];
  const agent = rig.channel.openAgent(MgmtClass.SubnAdm);
  agent.onMad = (mad, from) => received.push({ mad: mad.slice(), from });

  agent.send(mad, address);
  const sent = receive(rig.worker.number);
  assertEquals(sent.type === "message" && parseUserMad(sent.bytes), {
    mad,
    address,
  });
  assertEquals(receive(rig.worker.number).type, "empty");

  send(rig.worker.number, new Uint8Array(3));
  send(rig.worker.number, emitUserMad(mad, address));
  rig.watch.trigger();
  assertEquals(received, [{ mad, from: address }]);
  // Not counted before the worker has reported the result.
  assertEquals(rig.counted(), [0, 0, 0, 1, 0]);
  const failures: number[][] = [];
  agent.onSendFailed = (...failure) => failures.push(failure);
  const reports = [[0x99, 0], [0xfffffffe, Errno.EIO]] as const;
  for (const [transactionId, errno] of reports) {
    const report = { transactionId, errno, mgmtClass: MgmtClass.SubnAdm };
    send(rig.worker.number, emitSendReport(report));
  }
  rig.watch.trigger();
  assertEquals(rig.counted(), [1, 1, 0, 1, 0]);
  assertEquals(failures, [[0xfffffffe, Errno.EIO]]);

  agent.close();
  send(rig.worker.number, emitUserMad(mad, address));
  rig.watch.trigger();
  assertEquals(received.length, 1);
  assertEquals(rig.counted(), [1, 1, 0, 2, 1]);
});

Deno.test("SocketMadChannel counts MADs as lost after the worker has ended, and stops watching its socket", () => {
  using rig = new Rig();
  const agent = rig.channel.openAgent(MgmtClass.SubnAdm);
  rig.worker.close();
  agent.send(mad, address);
  assertEquals(rig.watch.enabled, true);
  rig.watch.trigger();
  assertEquals(rig.watch.enabled, false);
  agent.send(mad, address);
  assertEquals(rig.counted(), [0, 0, 2, 0, 0]);
});

Deno.test("SocketMadChannel refuses classes for which the worker has not registered, and closes its watch", () => {
  using rig = new Rig();
  const { channel } = rig;
  const { code, errno, message } = assertThrows(
    () => channel.openAgent(MgmtClass.CommunicationManagement),
    IpoibError,
  );
  assertEquals([code, errno], ["E_MAD_CLASS", Errno.EOPNOTSUPP]);
  assertEquals(
    message,
    "libibumad is not registered for management class 7: ib_cm has them",
  );
  channel.openAgent(MgmtClass.SubnAdm);
  channel.close();
  assertEquals(rig.watch.closed, true);
  assertEquals(receive(rig.worker.number).type, "closed");
});

Deno.test("SocketMadChannel reports a failed send to the agent of its class", () => {
  using rig = new Rig(true);
  const failures: string[] = [];
  for (const name of ["SubnAdm", "CommunicationManagement"] as const) {
    rig.channel.openAgent(MgmtClass[name]).onSendFailed = (id, errno) =>
      failures.push(`${name} ${id} ${errno}`);
  }
  const mgmtClass = MgmtClass.CommunicationManagement;
  const report = { transactionId: 5, errno: Errno.EINVAL, mgmtClass };
  send(rig.worker.number, emitSendReport(report));
  rig.watch.trigger();
  assertEquals(failures, ["CommunicationManagement 5 22"]);
});
