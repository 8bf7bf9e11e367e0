/**
 * Sends or receives UD packets at the maximum rate through a verbs port, opened as an interface opens it. Runs in a
 * virtual machine:
 *
 *     ud_driver.ts receive --device DEV [--roce] --seconds S
 *     ud_driver.ts send    --device DEV [--roce] --seconds S --size BYTES --peer JSON
 *
 * The receiver first prints its address as JSON, the value of the sender's `--peer`. Both print a {@linkcode UdResult}
 * and exit. Packets of the warm-up do not count.
 */

import { parseArgs } from "@std/cli/parse-args";
import { ENCAP_LENGTH } from "../../../src/base/units.ts";
import type { AddressHandle } from "../../../src/hca/address_handle.ts";
import type { UdQp } from "../../../src/hca/ud_qp.ts";
import { VerbsPort } from "../../../src/hca/verbs/port.ts";
import { DEFAULT_RECV_QUEUE } from "../../../src/ipoib/constants.ts";
import { openReactor } from "../../../src/system/open_reactor.ts";
import type { Reactor, Sleeper } from "../../../src/system/reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { encapWord, EtherType } from "../../../src/wire/encap.ts";
import { formatGid, parseGid } from "../../../src/wire/gid.ts";
import { WARM_UP_SECONDS } from "./guest_measurement.ts";
import type { UdPeer, UdResult } from "./ud_path.ts";

/** Packets per turn, the maximum of the engine. */
const PACKETS_PER_TURN = 32;

const QKEY = 0xb1b;
const WARM_UP_MS = WARM_UP_SECONDS * 1000;
/** The receiver stops after this time without packets. */
const SILENCE_MS = 1000;
const POLL_MS = 100;
/** Time limit for the first packet. */
const START_LIMIT_MS = 30_000;
const HOP_LIMIT = 1;
const ENCAP = encapWord(EtherType.Ipv4);

interface Words {
  device: string;
  roce: boolean;
  seconds: number;
  size: number;
  peer: string;
}

function print(value: UdPeer | UdResult): void {
  const line = `${JSON.stringify(value)}\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(line));
}

function openPort(reactor: Reactor, { device, roce }: Words): VerbsPort {
  const [mads] = socketPair();
  return new VerbsPort({
    reactor,
    device,
    port: 1,
    mads: roce ? "roce" : mads.release(),
    connections: "not measured",
  });
}

function createQp(port: VerbsPort): UdQp {
  const qp = port.createUdQp({
    pkeyIndex: 0,
    recvQueueSize: DEFAULT_RECV_QUEUE,
  });
  qp.setQkey(QKEY);
  return qp;
}

/** Counts packets after the warm-up, and the time of the last packet. */
class Count {
  #begin = Infinity;
  #end = 0;
  #packets = 0;

  get begun(): boolean {
    return this.#begin < Infinity;
  }

  get end(): number {
    return this.#end;
  }

  add(packets: number, now: number): void {
    if (!this.begun) this.#begin = now + WARM_UP_MS;
    this.#end = now;
    if (now > this.#begin) this.#packets += packets;
  }

  result(): UdResult {
    const packets = this.#packets;
    return { packets, seconds: (this.#end - this.#begin) / 1000 };
  }
}

/** Sends like the engine: a limited number of packets in each turn, while slots are free. */
class Sender implements Sleeper {
  readonly count = new Count();
  done = false;
  readonly #reactor: Reactor;
  readonly #port: VerbsPort;
  readonly #qp: UdQp;
  readonly #ah: AddressHandle;
  readonly #qpn: number;
  readonly #length: number;
  #blocked = false;

  constructor(reactor: Reactor, port: VerbsPort, words: Words) {
    const { qpn, lid, gid }: UdPeer = JSON.parse(words.peer);
    this.#reactor = reactor;
    this.#port = port;
    this.#qp = createQp(port);
    this.#qpn = qpn;
    this.#length = words.size - ENCAP_LENGTH;
    const grh = {
      dgid: parseGid(gid)!,
      flowLabel: 0,
      hopLimit: HOP_LIMIT,
      trafficClass: 0,
      sgidIndex: 0,
    };
    this.#ah = port.createAddressHandle({
      dlid: lid,
      sl: 0,
      staticRate: 0,
      ...(words.roce ? { grh } : {}),
    });
    port.onCredit(() => void (this.#blocked = false));
  }

  beforeSleep(): boolean {
    return !this.done && !this.#blocked;
  }

  afterSleep(): void {
    if (this.done || this.#blocked) return;
    const { send } = this.#port;
    const { view, stride, layout } = send;
    let sent = 0;
    for (; sent < PACKETS_PER_TURN; sent++) {
      const slot = send.reserve();
      if (slot < 0) {
        this.#blocked = true;
        break;
      }
      view.setInt32(slot * stride + layout.encap, ENCAP);
      this.#qp.post(slot, this.#length, this.#ah, this.#qpn, QKEY);
    }
    this.count.add(sent, this.#reactor.clock.now());
  }
}

async function send(reactor: Reactor, words: Words): Promise<void> {
  const port = openPort(reactor, words);
  const sender = new Sender(reactor, port, words);
  reactor.addSleeper(sender);
  const end = reactor.clock.now() + WARM_UP_MS + words.seconds * 1000;
  const timer = reactor.timer((now) => {
    sender.done = now >= end;
    if (sender.done && port.counters().outstanding === 0) reactor.stop();
    else timer.at(Math.max(end, now + POLL_MS));
  });
  timer.at(end);
  await reactor.run();
  print(sender.count.result());
  port.close();
}

async function receive(reactor: Reactor, words: Words): Promise<void> {
  const port = openPort(reactor, words);
  const qp = createQp(port);
  const batch = qp.createBatch();
  const count = new Count();
  qp.onReceive = () => {
    for (let n = qp.poll(batch); n > 0; n = qp.poll(batch)) {
      count.add(n, reactor.clock.now());
      qp.release(batch);
    }
  };
  const limit = reactor.clock.now() + START_LIMIT_MS;
  const timer = reactor.timer((now) => {
    if (now > (count.begun ? count.end + SILENCE_MS : limit)) reactor.stop();
    else timer.at(now + POLL_MS);
  });
  timer.at(reactor.clock.now() + POLL_MS);
  const { lid, gid } = port.attributes;
  print({ qpn: qp.qpn, lid, gid: formatGid(gid) });
  await reactor.run();
  print(count.result());
  port.close();
}

async function main(): Promise<void> {
  const parsed = parseArgs(Deno.args, {
    string: ["device", "seconds", "size", "peer"],
    boolean: ["roce"],
  });
  const words: Words = {
    device: String(parsed.device),
    roce: parsed.roce === true,
    seconds: Number(parsed.seconds),
    size: Number(parsed.size),
    peer: String(parsed.peer),
  };
  const reactor = openReactor("poll", () => {});
  await (parsed._[0] === "send" ? send : receive)(reactor, words);
}

await main();
