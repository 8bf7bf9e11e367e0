import { assertEquals } from "@std/assert";
import {
  discardAddress,
  KernelNeighbours,
  neighbourRequest,
  parseNeighbourReply,
} from "../../../../src/hca/verbs/roce/neighbours.ts";
import { readSmallFile } from "../../../../src/system/read_files.ts";
import { parseGid } from "../../../../src/wire/gid.ts";

const GID = parseGid("fe80::1:2:3:4")!;
const LOOPBACK = 1;

Deno.test("discardAddress() encodes a struct sockaddr_in6", () => {
  const golden = new Uint8Array(28);
  golden.set([10, 0, 0, 9]);
  golden.set(GID, 8);
  golden[24] = 7;
  assertEquals(discardAddress(GID, 7), golden);
});

Deno.test("neighbourRequest() encodes RTM_GETNEIGH", () => {
  const golden = new Uint8Array(48);
  golden.set([48, 0, 0, 0, 30, 0, 1, 0]);
  golden.set([10, 0, 0, 0, 7, 0, 0, 0], 16);
  golden.set([20, 0, 1, 0], 28);
  golden.set(GID, 32);
  assertEquals(neighbourRequest(GID, 7), golden);
});

function reply(type: number, state: number): Uint8Array {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, type, true);
  view.setUint16(24, state, true);
  return bytes;
}

function refusal(errno: number): Uint8Array {
  const bytes = reply(2, 0);
  new DataView(bytes.buffer).setInt32(16, -errno, true);
  return bytes;
}

Deno.test("parseNeighbourReply() distinguishes the states with and without an address", () => {
  const states = { 1: false, 2: true, 4: true, 8: true, 16: true, 32: false };
  for (const [state, expected] of Object.entries(states)) {
    const parsed = parseNeighbourReply(reply(28, Number(state)));
    assertEquals(parsed, expected, state);
  }
});

Deno.test("parseNeighbourReply() distinguishes a missing neighbour from an unsupported request", () => {
  assertEquals(parseNeighbourReply(refusal(2)), false);
  assertEquals(parseNeighbourReply(refusal(95)), undefined);
  assertEquals(parseNeighbourReply(new Uint8Array(4)), undefined);
  assertEquals(parseNeighbourReply(reply(3, 2)), undefined);
});

const reason = readSmallFile("/proc/thread-self/net/if_inet6") === undefined
  ? " (skipped: the kernel has no IPv6)"
  : "";

Deno.test({
  name:
    `KernelNeighbours reports a missing neighbour, and an interface that cannot send${reason}`,
  ignore: reason !== "",
  fn: () => {
    const neighbours = new KernelNeighbours();
    try {
      assertEquals(neighbours.isResolved(GID, LOOPBACK), false);
      assertEquals(neighbours.startResolution(GID, 0x7fffffff), false);
    } finally {
      neighbours.close();
    }
  },
});
