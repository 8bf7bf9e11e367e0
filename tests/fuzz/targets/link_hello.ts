/** Fuzz target of the first message on a port's socket, with valid and invalid descriptors. */

import { assertEquals } from "@std/assert";
import { processState } from "../../../scripts/torture/process_state.ts";
import { RING_BYTES } from "../../../src/hca/soft/ring.ts";
import { STRIDE } from "../../../src/hca/soft/slot_layout.ts";
import { createEventFd } from "../../../src/system/event_fd.ts";
import type { Fd } from "../../../src/system/fd.ts";
import { createMemory } from "../../../src/system/memory.ts";
import { connect, receive, send } from "../../../src/system/unix_socket.ts";
import { registerByHand, ROGUE_GUID, Subnet } from "../../hca/soft/subnet.ts";
import type { FuzzTarget } from "./target.ts";

const SLOTS = 4;
const GUID = 0x11n;
/** Placeholder in the corpus for the manager's token, which differs in each session. */
const TOKEN_IN_CORPUS = "00112233445566778899aabbccddeeff";

/** Lists of descriptors; the length of the input selects the list that the hello carries. */
class Descriptors implements Disposable {
  readonly #slots = createMemory("fuzz-slots", SLOTS * STRIDE);
  readonly #ring = createMemory("fuzz-ring", RING_BYTES);
  readonly #bell = createEventFd();
  readonly choices: readonly (readonly Fd[])[];

  constructor() {
    const [s, r, b] = [this.#slots, this.#ring, this.#bell];
    const valid = [s, r, b];
    this.choices = [
      ...[valid, valid, valid, valid],
      ...[[], [s], [s, r], [r, s, b], [b, b, b], [s, s, s], [s, r, b, b]],
      ...[[s, r, r], [s, b, r]],
    ];
  }

  [Symbol.dispose](): void {
    for (const fd of [this.#slots, this.#ring, this.#bell]) fd.close();
  }
}

export const linkHelloTarget: FuzzTarget = {
  name: "link_hello",
  kind: "json",
  inputsPerSession: 500,
  open() {
    const subnet = new Subnet();
    const [port] = subnet.openAll(GUID);
    const descriptors = new Descriptors();
    const path = `${subnet.directory}/port-0000000000000011.sock`;
    const { manager, links } = registerByHand(subnet, ROGUE_GUID);
    const token = links.get("0x0000000000000011")!;
    const held = processState().descriptors;
    return {
      run(input) {
        using connection = connect(path)!;
        const { choices } = descriptors;
        const fds = choices[input.length % choices.length]!;
        const bytes = withToken(input.length > 0 ? input : [0], token);
        send(connection.number, bytes, fds.map(({ number }) => number));
        let received = receive(connection.number);
        for (let i = 0; i < 20 && received.type === "empty"; i++) {
          subnet.reactor.turn(1);
          received = receive(connection.number);
        }
        if (received.type !== "message") return false;
        for (const fd of received.fds) fd.close();
        return true;
      },
      close() {
        subnet.until(() => processState().descriptors <= held, "descriptors");
        assertEquals(port!.attributes.state, "active");
        descriptors[Symbol.dispose]();
        manager.close();
        subnet[Symbol.dispose]();
      },
    };
  },
};

/** Returns the input with the placeholder replaced by the token. */
function withToken(
  input: ArrayLike<number>,
  token: string,
): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(input);
  const at = new TextDecoder("latin1").decode(bytes).indexOf(TOKEN_IN_CORPUS);
  if (at >= 0) bytes.set(new TextEncoder().encode(token), at);
  return bytes;
}
