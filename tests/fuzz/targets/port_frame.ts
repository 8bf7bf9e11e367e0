/** Fuzz target of frames that a port receives from a process that poses as the subnet manager. */

import { assert } from "@std/assert";
import { MgmtClass } from "../../../src/wire/mad.ts";
import type { Fd } from "../../../src/system/fd.ts";
import {
  accept,
  listen,
  receive,
  send,
} from "../../../src/system/unix_socket.ts";
import { Subnet } from "../../hca/soft/subnet.ts";
import type { FuzzTarget } from "./target.ts";

const OPEN_BRACE = 0x7b;
const KIND_CONTROL = 1;

export const portFrameTarget: FuzzTarget = {
  name: "port_frame",
  kind: "json",
  inputsPerSession: 500,
  open() {
    const subnet = new Subnet(false);
    const listener = listen(subnet.socket);
    const { port, events } = subnet.open(0x11n);
    port.openMadAgent(MgmtClass.SubnAdm).onMad = () => {};
    const memory = port.openSendMemory();
    let manager: Fd | undefined;
    const acceptPort = () => {
      subnet.until(() => {
        subnet.reactor.turn(0);
        manager = accept(listener.number);
        return manager !== undefined;
      }, "the port connects");
    };
    return {
      run(input) {
        if (!manager) acceptPort();
        const json = input[0] === OPEN_BRACE;
        const frame = new Uint8Array(input.length + (json ? 1 : 0));
        frame.set(input, json ? 1 : 0);
        if (json) frame[0] = KIND_CONTROL;
        const before = JSON.stringify(attributesOf(port)) + events.length;
        send(manager!.number, frame);
        subnet.reactor.turn(0);
        for (;;) {
          const received = receive(manager!.number);
          if (received.type === "empty") break;
          if (received.type === "message") continue;
          manager!.close();
          manager = undefined;
          break;
        }
        if (input.length % 97 === 0) {
          manager?.close();
          manager = undefined;
        }
        const changed =
          JSON.stringify(attributesOf(port)) + events.length !== before;
        if (events.length > 64) events.length = 0;
        return changed;
      },
      close() {
        assert(memory.free === memory.slots);
        manager?.close();
        listener.close();
        subnet[Symbol.dispose]();
      },
    };
  },
};

function attributesOf({ attributes }: { attributes: object }) {
  return Object.values(attributes).map(String);
}
