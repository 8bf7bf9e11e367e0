/**
 * Program with thin ports (thin_ports.ts). Prints `ready` when they are registered; answers each line of input with its
 * counters as JSON, after it has reset the count of reached ports if the line is `restart`; exits at the end of input.
 *
 *     main.ts DIRECTORY PEER-GUID FIRST-GUID COUNT FIRST-ADDRESS
 */

import { libc } from "../../ffi/libc.ts";
import { raiseDescriptorLimit } from "../../src/system/limits.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import { ThinPorts } from "./thin_ports.ts";

/** The counters of the ports. */
export interface ThinCounters {
  readonly reached: number;
  readonly packets: number;
  readonly replies: number;
  readonly busy: number;
}

const STDIN = 0;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function say(line: string): void {
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
}

function main(words: readonly string[]): void {
  const [directory, peer, firstGuid, count, firstAddress] = words;
  raiseDescriptorLimit();
  const reactor = new PollReactor();
  const ports = new ThinPorts({
    reactor,
    directory: directory!,
    peer: peer!,
    firstGuid: BigInt(firstGuid!),
    count: Number(count),
    firstAddress: parseIpv4(firstAddress!)!,
    ready: () => say("ready"),
    failed: (error) => {
      throw error;
    },
  });
  const buffer = new Uint8Array(256);
  let ended = false;
  reactor.watch(STDIN, () => {
    const length = libc().read(STDIN, buffer, buffer.length);
    if (length <= 0) ended = true;
    const lines = decoder.decode(buffer.subarray(0, length)).split("\n");
    for (const line of lines.slice(0, -1)) {
      if (line === "restart") ports.restart();
      const { reached, packets, replies, busy } = ports;
      const counters: ThinCounters = { reached, packets, replies, busy };
      say(JSON.stringify(counters));
    }
  });
  while (!ended) reactor.turn(-1);
}

if (import.meta.main) main(Deno.args);
