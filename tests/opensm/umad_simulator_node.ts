/**
 * A port of a simulated fabric: the SA client over UmadPort, as a program, because the simulator's library must be preloaded.
 *
 * Prints one JSON object: what the administrator said. Run by umad_simulator_test.ts.
 */

import { portGuid } from "../../scripts/opensm/fabric.ts";
import { VerbsCounters } from "../../src/hca/verbs/counters.ts";
import { SocketMadChannel } from "../../src/hca/verbs/mad_channel.ts";
import { UmadPort } from "../../src/hca/verbs/umad_port.ts";
import { SaClient } from "../../src/sa/client.ts";
import { broadcastJoin, groupLeave } from "../../src/sa/requests.ts";
import type { SaCallback, SaResult } from "../../src/sa/result.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import { socketPair } from "../../src/system/socket_pair.ts";
import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../../src/wire/gid.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { JoinState } from "../../src/wire/sa/mc_member_record.ts";

const reactor = new PollReactor();
const { clock } = reactor;
const [ours, theirs] = socketPair();
const umad = new UmadPort({
  reactor,
  device: "ibsim0",
  port: 1,
  socket: theirs.release(),
});
const channel = new SocketMadChannel(
  reactor,
  ours.release(),
  new VerbsCounters(),
);
const sa = new SaClient({
  channel,
  location: () => ({ smLid: 1, smSl: 0, pkeyIndex: 0 }),
});
channel.onMad = (mad, from) => {
  sa.onMad(mad, from, clock.now());
};

/** Asks, and takes turns until there is an answer or the client gave up. */
function ask<T>(start: (callback: SaCallback<T>) => void): SaResult<T> {
  let result: SaResult<T> | undefined;
  start((answer) => result = answer);
  while (!result) {
    reactor.turn(20);
    sa.tick(clock.now());
  }
  return result;
}

const own = gidFrom(DEFAULT_SUBNET_PREFIX, portGuid(2));
const peer = gidFrom(DEFAULT_SUBNET_PREFIX, portGuid(1));
const path = ask((done: Parameters<typeof sa.queryPath>[2]) =>
  sa.queryPath(
    { sgid: own, dgid: peer, pkey: 0xffff, tclass: 0 },
    clock.now(),
    done,
  )
);
const join = (pkey: number) =>
  ask((done: Parameters<typeof sa.join>[2]) =>
    sa.join(broadcastJoin(broadcastMgid(pkey), own, pkey), clock.now(), done)
  );
const joined = join(0xffff);
const refused = join(0x8123);
const left = joined.ok
  ? ask((done: Parameters<typeof sa.leave>[2]) =>
    sa.leave(
      groupLeave(broadcastMgid(0xffff), own, JoinState.FullMember),
      clock.now(),
      done,
    )
  )
  : undefined;

const told = {
  dlid: path.ok ? path.record.dlid : undefined,
  qkey: joined.ok ? joined.record.qkey : undefined,
  mlid: joined.ok ? joined.record.mlid : undefined,
  refused: refused.ok ? undefined : refused.status,
  left: left?.ok,
};
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(told)));
umad.close();
channel.close();
Deno.exit(0);
