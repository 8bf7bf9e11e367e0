/** Fuzz targets of the subnet manager: frames of a port, and MADs to the subnet administrator. */

import { gsiAddress, MAD_LENGTH } from "../../../src/wire/mad.ts";
import { encodeMad } from "../../../src/subnet/protocol.ts";
import type { RigPort } from "../../subnet/rig.ts";
import { HonestSubnet } from "./honest_subnet.ts";
import type { FuzzSession, FuzzTarget } from "./target.ts";

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const KIND_CONTROL = 1;

/** A subnet with two fuzzed ports: one that has registered and one that has not. */
class FuzzedSubnet {
  readonly honest = new HonestSubnet();
  registered: RigPort;
  silent: RigPort;

  constructor() {
    this.registered = this.honest.rig.join(3);
    this.silent = this.honest.rig.connect();
  }

  send(port: RigPort, frame: Uint8Array): boolean {
    const before = port.messages.length + port.mads.length;
    this.honest.rig.toManager(port.connection, frame);
    this.honest.rig.pump();
    const answered = port.messages.length + port.mads.length > before;
    this.honest.turn();
    return answered;
  }

  /** Replaces both fuzzed ports by new ones. */
  reconnect(): void {
    const { rig } = this.honest;
    rig.leave(this.registered);
    rig.leave(this.silent);
    this.registered = rig.join(3);
    this.silent = rig.connect();
  }

  close(): void {
    const { rig } = this.honest;
    rig.leave(this.registered);
    rig.leave(this.silent);
    this.honest.check();
  }
}

function session(
  run: (subnet: FuzzedSubnet, input: Uint8Array) => boolean,
): FuzzSession {
  const subnet = new FuzzedSubnet();
  let count = 0;
  return {
    run(input) {
      const accepted = run(subnet, input);
      if (++count % 64 === 0) subnet.reconnect();
      return accepted;
    },
    close: () => subnet.close(),
  };
}

/** Makes a control message of an input that starts as JSON. Returns other inputs unchanged. */
function asFrame(input: Uint8Array): Uint8Array {
  if (input[0] !== OPEN_BRACE && input[0] !== OPEN_BRACKET) return input;
  const frame = new Uint8Array(1 + input.length);
  frame[0] = KIND_CONTROL;
  frame.set(input, 1);
  return frame;
}

/** Frames from a port to the manager. */
export const managerTarget: FuzzTarget = {
  name: "manager_frame",
  kind: "json",
  inputsPerSession: 300,
  open: () =>
    session((subnet, input) =>
      subnet.send(
        input.length % 3 === 0 ? subnet.silent : subnet.registered,
        asFrame(input),
      )
    ),
};

/** MADs from a registered port to the subnet administrator. */
export const administratorTarget: FuzzTarget = {
  name: "sa_request",
  kind: "bytes",
  inputsPerSession: 500,
  open: () =>
    session((subnet, input) => {
      const mad = new Uint8Array(MAD_LENGTH);
      mad.set(input.subarray(0, MAD_LENGTH));
      const { smLid } = subnet.registered.welcomed ?? { smLid: 1 };
      return subnet.send(
        subnet.registered,
        encodeMad(mad, gsiAddress(smLid)),
      );
    }),
};
