import { assertEquals } from "@std/assert";
import {
  discardAddress,
  KernelNeighbours,
  neighbourAnswer,
  neighbourQuestion,
} from "../../../../src/hca/verbs/roce/neighbours.ts";
import { readSmallFile } from "../../../../src/system/read_files.ts";
import { parseGid } from "../../../../src/wire/gid.ts";

const GID = parseGid("fe80::1:2:3:4")!;
const LOOPBACK = 1;

Deno.test("discardAddress() writes a sockaddr_in6", () => {
  const golden = new Uint8Array(28);
  golden.set([10, 0, 0, 9]);
  golden.set(GID, 8);
  golden[24] = 7;
  assertEquals(discardAddress(GID, 7), golden);
});

Deno.test("neighbourQuestion() writes RTM_GETNEIGH", () => {
  const golden = new Uint8Array(48);
  golden.set([48, 0, 0, 0, 30, 0, 1, 0]);
  golden.set([10, 0, 0, 0, 7, 0, 0, 0], 16);
  golden.set([20, 0, 1, 0], 28);
  golden.set(GID, 32);
  assertEquals(neighbourQuestion(GID, 7), golden);
});

function answer(type: number, state: number): Uint8Array {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, type, true);
  view.setUint16(24, state, true);
  return bytes;
}

function refusal(errno: number): Uint8Array {
  const bytes = answer(2, 0);
  new DataView(bytes.buffer).setInt32(16, -errno, true);
  return bytes;
}

Deno.test("neighbourAnswer() knows the states with an address", () => {
  const states = { 1: false, 2: true, 4: true, 8: true, 16: true, 32: false };
  for (const [state, known] of Object.entries(states)) {
    assertEquals(neighbourAnswer(answer(28, Number(state))), known, state);
  }
});

Deno.test("neighbourAnswer() tells an unknown neighbour from a kernel that cannot say", () => {
  assertEquals(neighbourAnswer(refusal(2)), false);
  assertEquals(neighbourAnswer(refusal(95)), undefined);
  assertEquals(neighbourAnswer(new Uint8Array(4)), undefined);
  assertEquals(neighbourAnswer(answer(3, 2)), undefined);
});

const reason = readSmallFile("/proc/thread-self/net/if_inet6") === undefined
  ? " (skipped: the kernel has no IPv6)"
  : "";

Deno.test({
  name: `KernelNeighbours asks the kernel without a wait${reason}`,
  ignore: reason !== "",
  fn: () => {
    const neighbours = new KernelNeighbours();
    try {
      assertEquals(neighbours.known(GID, LOOPBACK), false);
      assertEquals(neighbours.seek(GID, 0x7fffffff), false);
    } finally {
      neighbours.close();
    }
  },
});
