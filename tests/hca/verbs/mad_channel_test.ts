import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { SocketMadChannel } from "../../../src/hca/verbs/mad_channel.ts";
import { emitUserMad, parseUserMad } from "../../../src/hca/verbs/user_mad.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { receive, send } from "../../../src/system/unix_socket.ts";
import { gsiAddress, MgmtClass } from "../../../src/wire/mad.ts";

const address = gsiAddress(9, 0, 2);
const mad = Uint8Array.from({ length: 256 }, (_, i) => i);
mad[1] = MgmtClass.SubnAdm;

Deno.test("SocketMadChannel passes MADs both ways and counts them", () => {
  const reactor = new PollReactor();
  const counters = new VerbsCounters();
  const [ours, theirs] = socketPair();
  using other = theirs;
  const channel = new SocketMadChannel(reactor, ours.release(), counters);
  const heard: unknown[] = [];
  const agent = channel.openAgent(MgmtClass.SubnAdm);
  agent.onMad = (mad, from) => heard.push({ mad: mad.slice(), from });

  agent.send(mad, address);
  const sent = receive(other.number);
  assertEquals(sent.type === "message" && parseUserMad(sent.bytes), {
    mad,
    address,
  });

  send(other.number, emitUserMad(mad, address));
  send(other.number, new Uint8Array(3));
  reactor.turn(0);
  assertEquals(heard, [{ mad, from: address }]);
  channel.close();
  assertEquals(counters.get("mads_sent"), 1);
  assertEquals(counters.get("mads_received"), 1);
  reactor.stop();
});

Deno.test("SocketMadChannel loses what nobody takes, and goes on", () => {
  const reactor = new PollReactor();
  const counters = new VerbsCounters();
  const [ours, theirs] = socketPair();
  theirs.close();
  const channel = new SocketMadChannel(reactor, ours.release(), counters);
  channel.openAgent(MgmtClass.SubnAdm).send(mad, address);
  reactor.turn(0);
  assertEquals(counters.get("mads_lost"), 1);
  channel.close();
});

Deno.test("SocketMadChannel has agents for what libibumad is registered for", () => {
  const reactor = new PollReactor();
  const [ours, theirs] = socketPair();
  using _other = theirs;
  const channel = new SocketMadChannel(
    reactor,
    ours.release(),
    new VerbsCounters(),
  );
  const { code, errno } = assertThrows(
    () => channel.openAgent(MgmtClass.CommunicationManagement),
    IpoibError,
  );
  assertEquals([code, errno], ["E_MAD_CLASS", 95]);
  channel.close();
});
